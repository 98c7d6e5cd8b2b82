"""One image, step by step: what starts a run, the orchestration, its activities, and the runs that are live."""
