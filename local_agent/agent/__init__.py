"""The main process of the uploader: starts the job, watches it, reports, and ends it."""
