"""The store's statements as SQLite has them."""

from __future__ import annotations

from function_app.results.statements import PORTION, Statements

_PORTION = ", ".join(["?"] * PORTION)

SQLITE = Statements(
    insert_run="""\
INSERT INTO runs (
    run_id, container, blob_name, blob_key, etag, size_bytes, sha256, device_id, source_name,
    captured_at, uploaded_at, started_at, finished_at, outcome, reason, detail, attempt, committed_at
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
    insert_score="""\
INSERT INTO scores (run_id, scorer, scorer_version, value, scored_at) VALUES (?, ?, ?, ?, ?)""",
    insert_attempt="""\
INSERT INTO attempts (run_id, attempt, outcome, reason, detail, finished_at) VALUES (?, ?, ?, ?, ?, ?)""",
    replace_run="""\
UPDATE runs
SET
    size_bytes = ?,
    sha256 = COALESCE(?, sha256),
    device_id = COALESCE(?, device_id),
    source_name = COALESCE(?, source_name),
    captured_at = COALESCE(?, captured_at),
    uploaded_at = COALESCE(?, uploaded_at),
    started_at = ?,
    finished_at = ?,
    outcome = ?,
    reason = ?,
    detail = ?,
    attempt = ?,
    committed_at = ?
WHERE run_id = ? AND attempt = ?""",
    update_total="""\
UPDATE hourly_totals
SET runs = runs + ?
WHERE hour_start = ? AND outcome = ? AND reason = ? AND device_id = ?""",
    insert_total="""\
INSERT INTO hourly_totals (runs, hour_start, outcome, reason, device_id) VALUES (?, ?, ?, ?, ?)""",
    select_run="""\
SELECT
    recent_id, run_id, container, blob_name, etag, size_bytes, sha256, device_id, source_name,
    captured_at, uploaded_at, started_at, finished_at, outcome, reason, detail, attempt, committed_at
FROM runs""",
    newest_first="""\
ORDER BY committed_at DESC, recent_id DESC
LIMIT ?""",
    select_scores=f"""\
SELECT run_id, scorer, scorer_version, value, scored_at
FROM scores
WHERE run_id IN ({_PORTION})
ORDER BY run_id, scorer, scorer_version""",  # noqa: S608  (only question marks are put in)
    select_attempts="""\
SELECT attempt, outcome, reason, detail, finished_at
FROM attempts
WHERE run_id = ?
ORDER BY attempt""",
    select_known=f"""\
SELECT run_id
FROM runs
WHERE run_id IN ({_PORTION})""",  # noqa: S608  (only question marks are put in)
    select_in_order="""\
SELECT run_id, committed_at, recent_id
FROM runs
WHERE committed_at >= ? AND (committed_at > ? OR recent_id > ?)
ORDER BY committed_at, recent_id
LIMIT ?""",
    count_by_outcome="""\
SELECT outcome, COUNT(*)
FROM runs""",
    group_by_outcome="""\
GROUP BY outcome""",
    minute_cells="""\
SELECT SUBSTR(committed_at, 1, 16) || ':00.000000Z', outcome, reason, device_id, COUNT(*)
FROM runs
WHERE committed_at >= ? AND committed_at < ?
GROUP BY 1, outcome, reason, device_id""",
    hour_cells="""\
SELECT SUBSTR(committed_at, 1, 13) || ':00:00.000000Z', outcome, reason, device_id, COUNT(*)
FROM runs
WHERE committed_at >= ? AND committed_at < ?
GROUP BY 1, outcome, reason, device_id""",
    hour_totals="""\
SELECT hour_start, outcome, reason, device_id, runs
FROM hourly_totals
WHERE hour_start >= ? AND hour_start < ?""",
    day_totals="""\
SELECT SUBSTR(hour_start, 1, 10) || 'T00:00:00.000000Z', outcome, reason, device_id, SUM(runs)
FROM hourly_totals
WHERE hour_start >= ? AND hour_start < ?
GROUP BY 1, outcome, reason, device_id""",
    total_by_outcome="""\
SELECT outcome, SUM(runs)
FROM hourly_totals""",
    newest_latencies="""\
SELECT captured_at, committed_at
FROM runs""",
    newest_values="""\
SELECT scorer, scorer_version, value
FROM runs
INNER JOIN scores ON scores.run_id = runs.run_id""",
    where_run="run_id = ?",
    where_blob="blob_key = ?",
    where_outcome="outcome = ?",
    where_reason="reason = ?",
    where_device="device_id = ?",
    where_scorer="EXISTS (SELECT 1 FROM scores WHERE scores.run_id = runs.run_id AND scores.scorer = ?)",
    where_since="committed_at >= ?",
    where_until="committed_at < ?",
    where_hours="hour_start >= ? AND hour_start < ?",
    where_before="committed_at <= ? AND (committed_at < ? OR recent_id < ?)",
    has_history="SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_history'",
    schema_version="SELECT MAX(version) FROM schema_history",
    is_alive="SELECT 1",
)
