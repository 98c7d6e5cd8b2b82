"""Makes the container while Spark starts, and goes on trying while the service is away."""

from __future__ import annotations

import os
import random
import threading
import time

from local_agent.errors import PermanentError, TransientError, delay_seconds
from local_agent.reports import log_line


def ensure_container_in_background(container: str) -> threading.Thread:
    """Start the attempt; the thread ends when the container exists or its making is refused."""
    thread = threading.Thread(target=_ensure, args=(container,), name="container", daemon=True)
    thread.start()
    return thread


def _ensure(container: str) -> None:
    from local_agent.storage.container import create_container  # the SDK takes half a second to import

    failures = 0
    while True:
        try:
            if create_container(os.environ, container):
                log_line("container_created", container=container)
            return
        except PermanentError as error:
            # It may well exist and the credential only write: the upload will tell.
            log_line("container_not_created", container=container, error=str(error))
            return
        except TransientError:  # the upload reports the same, with its own words
            failures += 1
            time.sleep(delay_seconds(failures, random.random(), first=1.0))  # noqa: S311 (spreads retries)
