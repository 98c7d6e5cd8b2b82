"""The uploader as a Spark Structured Streaming job: a source that lists the folder, a sink that uploads."""
