"""How often and how long a step is tried again: the delays, and the words for what went wrong.

Pure and deterministic, because orchestrations replay: the jitter is drawn from the run id, not from
a random source. Our own policy, because the SDK's RetryOptions (1.x) knows a fixed interval only.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

# 1, 2, 4 ... 32 s, then every minute: the 20th try comes about 14 minutes after the first, so that an outage
# of ten minutes ends by itself, the jitter's worst case included, and nobody has to replay anything.
MAX_TRIES = 20
_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 60.0
_JITTER = 0.2  # each delay is stretched or shortened by up to a fifth, so that many runs spread out

# No run that ended sooner than this after it began can have tried a step twice.
SHORTEST_DELAY = timedelta(seconds=_FIRST_SECONDS * (1 - _JITTER))

_ACTIVITY_FAILURE = re.compile(
    r"failed:\s+(?P<kind>\w+): (?:(?P<reason>[a-z][a-z_]*): )?(?P<detail>[^\r\n]*)"
)
_LONGEST_CAUSE = 200


def delay_before_retry(failures: int, key: str) -> timedelta:
    """How long to wait after the n-th failure (n from 1) of a step; the same for the same key."""
    seconds = min(_LONGEST_SECONDS, _FIRST_SECONDS * 2 ** (failures - 1))
    digest = hashlib.sha256(f"{key}/{failures}".encode()).digest()
    fraction = int.from_bytes(digest[:4], "big") / 2**32
    return timedelta(seconds=seconds * (1 - _JITTER + 2 * _JITTER * fraction))


def cause_of(failure: str) -> tuple[str, str]:
    """(reason code, sentence) out of the text in which Durable wraps an activity's exception.

    Our own errors print as ``reason: detail``; anything else is ``unexpected_error`` with its type.
    """
    found = _ACTIVITY_FAILURE.search(failure)
    if found is None:
        return "unexpected_error", " ".join(failure.split())[:_LONGEST_CAUSE]
    if found["reason"]:
        return found["reason"], found["detail"].strip()[:_LONGEST_CAUSE]
    return "unexpected_error", f"{found['kind']}: {found['detail'].strip()}"[:_LONGEST_CAUSE]
