"""For whoever operates a pipeline, here or in Azure: ask, watch, replay, sweep."""
