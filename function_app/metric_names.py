"""The metrics by name, as the alerts in infra/ ask for them."""

IMAGES = "pipeline.images"
"""Ended images, by outcome."""

LATENCY = "pipeline.latency"
"""Seconds from the file complete on the device to its outcome recorded."""

RETRIES = "pipeline.retries"
"""Failed tries, by step and reason."""

WAITING = "pipeline.oldest_waiting"
"""Seconds since upload of an image without an outcome; measured at starts, failures and sweeps."""
