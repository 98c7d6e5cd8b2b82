-- Pages of one device's rejections or failures: without these, a rare ending of a busy device is looked for
-- among all its runs (1.2 s at ten million rows, by tests/bench/bench_queries.py).

CREATE INDEX runs_by_device_outcome ON dbo.runs (device_id, outcome, committed_at, recent_id);
CREATE INDEX runs_by_device_reason ON dbo.runs (device_id, reason, committed_at, recent_id);
