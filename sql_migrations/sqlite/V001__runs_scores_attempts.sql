-- The permanent books of the pipeline: one row per run that ended, its scores, its earlier attempts.
-- Times are UTC text, YYYY-MM-DDTHH:MM:SS.ffffffZ, so that they sort as text.

CREATE TABLE runs (
    recent_id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id TEXT NOT NULL CHECK (LENGTH(run_id) = 32),
    container TEXT NOT NULL,
    blob_name TEXT NOT NULL,
    blob_key TEXT NOT NULL CHECK (LENGTH(blob_key) = 64),
    etag TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    sha256 TEXT NULL,
    device_id TEXT NULL,
    source_name TEXT NULL,
    captured_at TEXT NULL,
    uploaded_at TEXT NULL,
    started_at TEXT NULL,
    finished_at TEXT NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NULL,
    detail TEXT NULL,
    attempt INTEGER NOT NULL,
    committed_at TEXT NOT NULL,
    CONSTRAINT runs_run_id UNIQUE (run_id),
    CONSTRAINT runs_outcome CHECK (outcome IN ('scored', 'rejected', 'failed')),
    CONSTRAINT runs_attempt CHECK (attempt >= 1)
);

-- One score per run, scorer and version: the key that makes a second delivery harmless.
CREATE TABLE scores (
    run_id TEXT NOT NULL,
    scorer TEXT NOT NULL,
    scorer_version TEXT NOT NULL,
    value INTEGER NOT NULL,
    scored_at TEXT NOT NULL,
    CONSTRAINT scores_key PRIMARY KEY (run_id, scorer, scorer_version),
    CONSTRAINT scores_run FOREIGN KEY (run_id) REFERENCES runs (run_id)
) WITHOUT ROWID;

-- What a run's outcome was before a replay replaced it.
CREATE TABLE attempts (
    run_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT NULL,
    detail TEXT NULL,
    finished_at TEXT NOT NULL,
    CONSTRAINT attempts_key PRIMARY KEY (run_id, attempt),
    CONSTRAINT attempts_run FOREIGN KEY (run_id) REFERENCES runs (run_id)
) WITHOUT ROWID;

-- Blob names are looked up by their hash; every list is newest first by (committed_at, recent_id).
-- runs_by_time also carries what statistics over a window need, so that they never touch the rows.
CREATE INDEX runs_by_blob ON runs (blob_key, recent_id);
CREATE INDEX runs_by_time ON runs (committed_at, recent_id, outcome, reason, device_id, captured_at);
CREATE INDEX runs_by_outcome ON runs (outcome, committed_at, recent_id);
CREATE INDEX runs_by_reason ON runs (reason, committed_at, recent_id);
CREATE INDEX runs_by_device ON runs (device_id, committed_at, recent_id);
