"""Limits how many threads wait for a database server that does not answer, so that the others go on.

The driver waits for the whole login timeout even where nobody listens. Without this, an outage would
block every worker thread and every thread of the API for that long, and the API could not even show
that runs are retrying and why.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from function_app.errors import StoreUnavailable

C = TypeVar("C")


class ConnectGate:
    """A circuit breaker: lets callers connect side by side, until the server stays silent or refuses.

    Then one caller tries, another every ``probe_seconds`` beside it (a single try may hang though the server
    is healthy), and all others fail at once with the last known cause. The first success closes the circuit again.
    """

    def __init__(
        self,
        patience_seconds: float = 5.0,
        probe_seconds: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience_seconds
        self._probe_every = probe_seconds
        self._clock = clock
        self._answered_at = clock()
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._trying: dict[int, float] = {}  # since when each caller inside has been waiting
        self._last: StoreUnavailable | None = None

    def connect(self, connect: Callable[[], C]) -> C:
        """The connection that ``connect`` returns. Raises what it raises, or StoreUnavailable without trying."""
        number = self._enter()
        try:
            connection = connect()
        except StoreUnavailable as error:
            self._last = error
            raise
        else:
            self._last, self._answered_at = None, self._clock()
            return connection
        finally:
            with self._lock:
                del self._trying[number]

    def _enter(self) -> int:
        with self._lock:
            now, last, since = self._clock(), self._last, self._trying.values()
            if since and now - max(since) < self._probe_every:
                silent_for = now - max(min(since), self._answered_at)
                if last is not None:
                    raise StoreUnavailable(last.detail, reason=last.reason)
                if silent_for >= self._patience:
                    raise StoreUnavailable(
                        f"the database server has not answered a sign-in for {silent_for:.0f} s"
                    )
            number = next(self._numbers)
            self._trying[number] = now
            return number
