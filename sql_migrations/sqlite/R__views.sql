-- Views for people. Repeatable: remade whenever this text changes.

DROP VIEW IF EXISTS latest_score_per_image;
CREATE VIEW latest_score_per_image AS
SELECT
    ranked.container,
    ranked.blob_name,
    ranked.blob_key,
    ranked.device_id,
    ranked.source_name,
    ranked.run_id,
    ranked.scorer,
    ranked.scorer_version,
    ranked.value,
    ranked.captured_at,
    ranked.committed_at
FROM (
    SELECT
        runs.container,
        runs.blob_name,
        runs.blob_key,
        runs.device_id,
        runs.source_name,
        runs.run_id,
        scores.scorer,
        scores.scorer_version,
        scores.value,
        runs.captured_at,
        runs.committed_at,
        ROW_NUMBER() OVER (
            PARTITION BY runs.blob_key, scores.scorer
            ORDER BY
                runs.committed_at DESC, runs.recent_id DESC, scores.scored_at DESC, scores.scorer_version DESC
        ) AS place
    FROM runs
    INNER JOIN scores ON runs.run_id = scores.run_id
    WHERE runs.outcome = 'scored'
) AS ranked
WHERE ranked.place = 1;

DROP VIEW IF EXISTS hourly_counts;
CREATE VIEW hourly_counts AS
SELECT
    hour_start,
    outcome,
    SUM(runs) AS runs
FROM hourly_totals
GROUP BY hour_start, outcome
HAVING SUM(runs) > 0;

DROP VIEW IF EXISTS rejected_by_reason;
CREATE VIEW rejected_by_reason AS
SELECT
    reason,
    COUNT(*) AS runs,
    MIN(committed_at) AS first_committed_at,
    MAX(committed_at) AS last_committed_at
FROM runs
WHERE outcome = 'rejected'
GROUP BY reason;
