"""What keeps the pipeline whole over time: sweep, replay, purge."""
