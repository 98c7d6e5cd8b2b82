-- Runs per hour, outcome, reason and device, kept in the same transaction as each run, so that counting
-- ten million runs reads a few thousand rows. No reason and no device are the empty text, to be in the key.

CREATE TABLE hourly_totals (
    hour_start TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    device_id TEXT NOT NULL,
    runs INTEGER NOT NULL,
    CONSTRAINT hourly_totals_key PRIMARY KEY (hour_start, outcome, reason, device_id)
) WITHOUT ROWID;

INSERT INTO hourly_totals (hour_start, outcome, reason, device_id, runs)
SELECT
    SUBSTR(committed_at, 1, 13) || ':00:00.000000Z' AS hour_start,
    outcome,
    COALESCE(reason, '') AS reason,
    COALESCE(device_id, '') AS device_id,
    COUNT(*) AS runs
FROM runs
GROUP BY 1, 2, 3, 4;
