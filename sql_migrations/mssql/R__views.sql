-- Views for people. Repeatable: remade whenever this text changes.

DROP VIEW IF EXISTS dbo.latest_score_per_image;
GO
CREATE VIEW dbo.latest_score_per_image AS
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
    FROM dbo.runs AS runs
    INNER JOIN dbo.scores AS scores ON runs.run_id = scores.run_id
    WHERE runs.outcome = 'scored'
) AS ranked
WHERE ranked.place = 1;
GO

DROP VIEW IF EXISTS dbo.hourly_counts;
GO
CREATE VIEW dbo.hourly_counts AS
SELECT
    totals.hour_start,
    totals.outcome,
    SUM(totals.runs) AS runs
FROM dbo.hourly_totals AS totals
GROUP BY totals.hour_start, totals.outcome
HAVING SUM(totals.runs) > 0;
GO

DROP VIEW IF EXISTS dbo.rejected_by_reason;
GO
CREATE VIEW dbo.rejected_by_reason AS
SELECT
    runs.reason,
    COUNT_BIG(*) AS runs,
    MIN(runs.committed_at) AS first_committed_at,
    MAX(runs.committed_at) AS last_committed_at
FROM dbo.runs AS runs
WHERE runs.outcome = 'rejected'
GROUP BY runs.reason;
