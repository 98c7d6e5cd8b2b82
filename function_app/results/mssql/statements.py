"""The store's statements as Azure SQL and Babelfish both understand them.

Times arrive as ISO text inside CAST: datetime parameters lose their microseconds on Babelfish. Text
that is compared with a CHAR or VARCHAR column is cast to its type: a parameter comes as NVARCHAR, and
comparing it as such would turn an index seek into a scan under many collations.
"""

from __future__ import annotations

from function_app.results.statements import PORTION, Statements

_PORTION = ", ".join(["CAST(? AS CHAR(32))"] * PORTION)

MSSQL = Statements(
    insert_run="""\
INSERT INTO dbo.runs (
    run_id, container, blob_name, blob_key, etag, size_bytes, sha256, device_id, source_name,
    captured_at, uploaded_at, started_at, finished_at,
    outcome, reason, detail, attempt, committed_at
)
VALUES (
    ?, ?, ?, ?, ?, ?, ?, ?, ?,
    CAST(? AS DATETIME2(6)), CAST(? AS DATETIME2(6)), CAST(? AS DATETIME2(6)), CAST(? AS DATETIME2(6)),
    ?, ?, ?, ?, CAST(? AS DATETIME2(6))
)""",
    insert_score="""\
INSERT INTO dbo.scores (run_id, scorer, scorer_version, value, scored_at)
VALUES (?, ?, ?, ?, CAST(? AS DATETIME2(6)))""",
    insert_attempt="""\
INSERT INTO dbo.attempts (run_id, attempt, outcome, reason, detail, finished_at)
VALUES (?, ?, ?, ?, ?, CAST(? AS DATETIME2(6)))""",
    replace_run="""\
UPDATE dbo.runs
SET
    size_bytes = ?,
    sha256 = COALESCE(CAST(? AS CHAR(64)), sha256),
    device_id = COALESCE(CAST(? AS NVARCHAR(63)), device_id),
    source_name = COALESCE(CAST(? AS NVARCHAR(2048)), source_name),
    captured_at = COALESCE(CAST(? AS DATETIME2(6)), captured_at),
    uploaded_at = COALESCE(CAST(? AS DATETIME2(6)), uploaded_at),
    started_at = CAST(? AS DATETIME2(6)),
    finished_at = CAST(? AS DATETIME2(6)),
    outcome = ?,
    reason = ?,
    detail = ?,
    attempt = ?,
    committed_at = CAST(? AS DATETIME2(6))
WHERE run_id = CAST(? AS CHAR(32)) AND attempt = ?""",
    update_total="""\
UPDATE dbo.hourly_totals
SET runs = runs + ?
WHERE
    hour_start = CAST(? AS DATETIME2(6))
    AND outcome = CAST(? AS VARCHAR(16))
    AND reason = CAST(? AS VARCHAR(64))
    AND device_id = ?""",
    insert_total="""\
INSERT INTO dbo.hourly_totals (runs, hour_start, outcome, reason, device_id)
VALUES (?, CAST(? AS DATETIME2(6)), ?, ?, ?)""",
    select_run="""\
SELECT
    recent_id, run_id, container, blob_name, etag, size_bytes, sha256, device_id, source_name,
    captured_at, uploaded_at, started_at, finished_at, outcome, reason, detail, attempt, committed_at
FROM dbo.runs AS runs""",
    newest_first="""\
ORDER BY committed_at DESC, recent_id DESC
OFFSET 0 ROWS FETCH NEXT ? ROWS ONLY""",
    select_scores=f"""\
SELECT run_id, scorer, scorer_version, value, scored_at
FROM dbo.scores
WHERE run_id IN ({_PORTION})
ORDER BY run_id, scorer, scorer_version""",  # noqa: S608  (only question marks are put in)
    select_attempts="""\
SELECT attempt, outcome, reason, detail, finished_at
FROM dbo.attempts
WHERE run_id = CAST(? AS CHAR(32))
ORDER BY attempt""",
    select_known=f"""\
SELECT run_id
FROM dbo.runs
WHERE run_id IN ({_PORTION})""",  # noqa: S608  (only question marks are put in)
    select_in_order="""\
SELECT run_id, committed_at, recent_id
FROM dbo.runs
WHERE
    committed_at >= CAST(? AS DATETIME2(6))
    AND (committed_at > CAST(? AS DATETIME2(6)) OR recent_id > ?)
ORDER BY committed_at, recent_id
OFFSET 0 ROWS FETCH NEXT ? ROWS ONLY""",
    count_by_outcome="""\
SELECT outcome, COUNT_BIG(*) AS runs
FROM dbo.runs AS runs""",
    group_by_outcome="""\
GROUP BY outcome""",
    minute_cells="""\
SELECT minute_start, outcome, reason, device_id, COUNT_BIG(*) AS runs
FROM (
    SELECT
        outcome,
        reason,
        device_id,
        DATEADD(
            MINUTE,
            DATEDIFF(MINUTE, CAST('2000-01-01' AS DATETIME2(6)), committed_at),
            CAST('2000-01-01' AS DATETIME2(6))
        ) AS minute_start
    FROM dbo.runs
    WHERE committed_at >= CAST(? AS DATETIME2(6)) AND committed_at < CAST(? AS DATETIME2(6))
) AS minutes
GROUP BY minute_start, outcome, reason, device_id""",
    hour_cells="""\
SELECT hour_start, outcome, reason, device_id, COUNT_BIG(*) AS runs
FROM (
    SELECT
        outcome,
        reason,
        device_id,
        DATEADD(
            HOUR,
            DATEDIFF(HOUR, CAST('2000-01-01' AS DATETIME2(6)), committed_at),
            CAST('2000-01-01' AS DATETIME2(6))
        ) AS hour_start
    FROM dbo.runs
    WHERE committed_at >= CAST(? AS DATETIME2(6)) AND committed_at < CAST(? AS DATETIME2(6))
) AS hours
GROUP BY hour_start, outcome, reason, device_id""",
    hour_totals="""\
SELECT hour_start, outcome, reason, device_id, runs
FROM dbo.hourly_totals
WHERE hour_start >= CAST(? AS DATETIME2(6)) AND hour_start < CAST(? AS DATETIME2(6))""",
    day_totals="""\
SELECT day_start, outcome, reason, device_id, SUM(runs) AS runs
FROM (
    SELECT
        outcome,
        reason,
        device_id,
        runs,
        CAST(CAST(hour_start AS DATE) AS DATETIME2(6)) AS day_start
    FROM dbo.hourly_totals
    WHERE hour_start >= CAST(? AS DATETIME2(6)) AND hour_start < CAST(? AS DATETIME2(6))
) AS days
GROUP BY day_start, outcome, reason, device_id""",
    total_by_outcome="""\
SELECT outcome, SUM(runs) AS runs
FROM dbo.hourly_totals""",
    newest_latencies="""\
SELECT captured_at, committed_at
FROM dbo.runs AS runs""",
    newest_values="""\
SELECT scores.scorer, scores.scorer_version, scores.value
FROM dbo.runs AS runs
INNER JOIN dbo.scores AS scores ON runs.run_id = scores.run_id""",
    where_run="run_id = CAST(? AS CHAR(32))",
    where_blob="blob_key = CAST(? AS CHAR(64))",
    where_outcome="outcome = CAST(? AS VARCHAR(16))",
    where_reason="reason = CAST(? AS VARCHAR(64))",
    where_device="device_id = ?",
    where_scorer="""\
EXISTS (
    SELECT 1 FROM dbo.scores AS scores
    WHERE scores.run_id = runs.run_id AND scores.scorer = CAST(? AS VARCHAR(64))
)""",
    where_since="committed_at >= CAST(? AS DATETIME2(6))",
    where_until="committed_at < CAST(? AS DATETIME2(6))",
    where_hours="hour_start >= CAST(? AS DATETIME2(6)) AND hour_start < CAST(? AS DATETIME2(6))",
    where_before="""\
committed_at <= CAST(? AS DATETIME2(6))
    AND (committed_at < CAST(? AS DATETIME2(6)) OR recent_id < ?)""",
    has_history="SELECT 1 AS found WHERE OBJECT_ID(N'dbo.schema_history', N'U') IS NOT NULL",
    schema_version="SELECT MAX(version) AS version FROM dbo.schema_history",
    is_alive="SELECT 1 AS alive",
)
