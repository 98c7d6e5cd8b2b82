-- The permanent books of the pipeline: one row per run that ended, its scores, its earlier attempts.
-- Times are UTC. Blob names stay outside every key: an index key holds 1,700 bytes at most.
-- Columns that are compared have a binary collation, since the server's own may take A for a. Not run_id:
-- it is lower-case hex, and Babelfish checks no foreign key between columns with a collation of their own.

CREATE TABLE dbo.runs (
    recent_id BIGINT IDENTITY (1, 1) NOT NULL,
    run_id CHAR(32) NOT NULL,
    container NVARCHAR(63) NOT NULL,
    blob_name NVARCHAR(1024) NOT NULL,
    blob_key CHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    etag NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 CHAR(64) NULL,
    device_id NVARCHAR(63) COLLATE Latin1_General_100_BIN2 NULL,
    source_name NVARCHAR(2048) NULL,
    captured_at DATETIME2(6) NULL,
    uploaded_at DATETIME2(6) NULL,
    started_at DATETIME2(6) NULL,
    finished_at DATETIME2(6) NOT NULL,
    outcome VARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    reason VARCHAR(64) COLLATE Latin1_General_100_BIN2 NULL,
    detail NVARCHAR(2048) NULL,
    attempt INT NOT NULL,
    committed_at DATETIME2(6) NOT NULL,
    CONSTRAINT runs_run_id PRIMARY KEY NONCLUSTERED (run_id),
    CONSTRAINT runs_recent_id UNIQUE CLUSTERED (recent_id),
    CONSTRAINT runs_outcome CHECK (outcome IN ('scored', 'rejected', 'failed')),
    CONSTRAINT runs_attempt CHECK (attempt >= 1)
);
GO

-- One score per run, scorer and version: the key that makes a second delivery harmless.
CREATE TABLE dbo.scores (
    run_id CHAR(32) NOT NULL,
    scorer VARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    scorer_version VARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    value BIGINT NOT NULL,
    scored_at DATETIME2(6) NOT NULL,
    CONSTRAINT scores_key PRIMARY KEY (run_id, scorer, scorer_version),
    CONSTRAINT scores_run FOREIGN KEY (run_id) REFERENCES dbo.runs (run_id)
);
GO

-- What a run's outcome was before a replay replaced it.
CREATE TABLE dbo.attempts (
    run_id CHAR(32) NOT NULL,
    attempt INT NOT NULL,
    outcome VARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    reason VARCHAR(64) COLLATE Latin1_General_100_BIN2 NULL,
    detail NVARCHAR(2048) NULL,
    finished_at DATETIME2(6) NOT NULL,
    CONSTRAINT attempts_key PRIMARY KEY (run_id, attempt),
    CONSTRAINT attempts_run FOREIGN KEY (run_id) REFERENCES dbo.runs (run_id)
);
GO

-- Blob names are looked up by their hash; every list is newest first by (committed_at, recent_id).
-- runs_by_time also carries what statistics over a window need, so that they never touch the rows.
CREATE INDEX runs_by_blob ON dbo.runs (blob_key, recent_id);
CREATE INDEX runs_by_time ON dbo.runs (committed_at, recent_id, outcome, reason, device_id, captured_at);
CREATE INDEX runs_by_outcome ON dbo.runs (outcome, committed_at, recent_id);
CREATE INDEX runs_by_reason ON dbo.runs (reason, committed_at, recent_id);
CREATE INDEX runs_by_device ON dbo.runs (device_id, committed_at, recent_id);
