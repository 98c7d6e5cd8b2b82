-- Runs per hour, outcome, reason and device, kept in the same transaction as each run, so that counting
-- ten million runs reads a few thousand rows. No reason and no device are the empty text, to be in the key.

CREATE TABLE dbo.hourly_totals (
    hour_start DATETIME2(6) NOT NULL,
    outcome VARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    reason VARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    device_id NVARCHAR(63) COLLATE Latin1_General_100_BIN2 NOT NULL,
    runs BIGINT NOT NULL,
    CONSTRAINT hourly_totals_key PRIMARY KEY (hour_start, outcome, reason, device_id)
);
GO

INSERT INTO dbo.hourly_totals (hour_start, outcome, reason, device_id, runs)
SELECT
    hours.hour_start,
    hours.outcome,
    hours.reason,
    hours.device_id,
    COUNT_BIG(*) AS runs
FROM (
    SELECT
        runs.outcome,
        DATEADD(
            HOUR,
            DATEDIFF(HOUR, CAST('2000-01-01' AS DATETIME2(6)), runs.committed_at),
            CAST('2000-01-01' AS DATETIME2(6))
        ) AS hour_start,
        COALESCE(runs.reason, '') AS reason,
        COALESCE(runs.device_id, N'') AS device_id
    FROM dbo.runs AS runs
) AS hours
GROUP BY hours.hour_start, hours.outcome, hours.reason, hours.device_id;
