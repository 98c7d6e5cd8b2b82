"""The retry policy of a step: how often, after which delays, and how the cause of a failure is named.

Pure and deterministic, because orchestrations replay: the jitter is drawn from the run id, not from
a random source. Our own policy, because the SDK's RetryOptions (1.x) knows a fixed interval only.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

# 2, 4, 8 ... 32 s, then every minute: the 20th try comes about 15 minutes after the first, so that an outage
# of ten minutes ends by itself, the jitter's worst case included, and nobody has to replay anything.
MAX_TRIES = 20
_FIRST_SECONDS = 2.0
_LONGEST_SECONDS = 60.0
_JITTER = 0.2  # each delay is stretched or shortened by up to a fifth, so that many runs spread out

# A failure that no adapter of ours named lies in the process itself: it died under the step, or has a bug. The host has
# a new worker after 3 to 7 s (recorded; longer on a cold start), so the shortest such delay is 8 s. Thereby a step that
# crashes its worker is not retried by the next one at once: the third crash in a row recycles the whole host.
_FIRST_SECONDS_UNNAMED = 10.0
WORKER_CRASHED, UNEXPECTED = "worker_crashed", "unexpected_error"

# Durable on Azure Storage fires a timer up to a second before its time (recorded): a delay below that would be none.
_TIMERS_ARE_EARLY_BY = 1.0

# No run that ended sooner than this after it began can have tried a step twice.
SHORTEST_DELAY = timedelta(seconds=_FIRST_SECONDS * (1 - _JITTER) - _TIMERS_ARE_EARLY_BY)

_ACTIVITY_FAILURE = re.compile(
    r"failed:\s+(?P<kind>\w+): (?:(?P<reason>[a-z][a-z_]*): )?(?P<detail>[^\r\n]*)"
)
# The host's own exception, serialised behind the failure's text; what the app raises comes as System.Exception.
_WORKER_EXIT = re.compile(r'"\$type":\s*"[\w.]+\.WorkerProcessExitException[,"]')
_EXIT_CODE = re.compile(r"exited with code (-?\d+)")
_LONGEST_CAUSE = 200


def delay_before_retry(failures: int, key: str, reason: str) -> timedelta:
    """How long to wait after a step's n-th failure (n from 1), for ``reason``; always the same for one key."""
    first = _FIRST_SECONDS_UNNAMED if reason in (WORKER_CRASHED, UNEXPECTED) else _FIRST_SECONDS
    seconds = min(_LONGEST_SECONDS, max(first, _FIRST_SECONDS * 2 ** (failures - 1)))
    digest = hashlib.sha256(f"{key}/{failures}".encode()).digest()
    fraction = int.from_bytes(digest[:4], "big") / 2**32
    return timedelta(seconds=seconds * (1 - _JITTER + 2 * _JITTER * fraction))


def cause_of(failure: str) -> tuple[str, str]:
    """(reason code, sentence) out of the text in which Durable wraps an activity's failure.

    Our own errors print as ``reason: detail``; the death of the worker process under the step is ``worker_crashed``;
    anything else is ``unexpected_error`` with its type.
    """
    if _WORKER_EXIT.search(failure):
        code = _EXIT_CODE.search(failure)
        with_code = f" with code {code[1]}" if code else ""
        return WORKER_CRASHED, f"the worker process exited{with_code} while it ran this step"
    found = _ACTIVITY_FAILURE.search(failure)
    if found is None:
        return UNEXPECTED, " ".join(failure.split())[:_LONGEST_CAUSE]
    if found["reason"]:
        return found["reason"], found["detail"].strip()[:_LONGEST_CAUSE]
    return UNEXPECTED, f"{found['kind']}: {found['detail'].strip()}"[:_LONGEST_CAUSE]
