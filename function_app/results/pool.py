"""A small pool of database connections, for threads that come and go.

The ODBC driver manager's own pool is not used: it hands out dead connections after an outage.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """Anything with a ``close``."""

    def close(self) -> None:
        """Release it."""


C = TypeVar("C", bound=Closable)


@dataclass
class _Idle(Generic[C]):
    connection: C
    opened_at: float
    idle_since: float


class ConnectionPool(Generic[C]):
    """Lends each user a connection of its own and keeps a few idle ones.

    A connection that was idle for longer than ``check_after_seconds`` is tested first; if it is dead, the
    server was away and all idle ones are closed. One older than ``max_age_seconds`` is not kept, so that a
    changed sign-in or server takes effect. One that an exception passed through is closed, since its
    state is unknown.
    """

    def __init__(
        self,
        connect: Callable[[], C],
        is_alive: Callable[[C], bool],
        max_idle: int = 8,
        check_after_seconds: float = 15.0,
        max_age_seconds: float = 1800.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connect = connect
        self._is_alive = is_alive
        self._max_idle = max_idle
        self._check_after = check_after_seconds
        self._max_age = max_age_seconds
        self._clock = clock
        self._idle: list[_Idle[C]] = []
        self._lock = threading.Lock()

    @contextmanager
    def connection(self) -> Iterator[C]:
        """A connection for the length of the block."""
        item = self._take() or self._open()
        try:
            yield item.connection
        except BaseException:
            item.connection.close()
            raise
        self._give_back(item)

    def close(self) -> None:
        """Close every idle connection; connections in use are closed when they are returned too old."""
        with self._lock:
            idle, self._idle = self._idle, []
        for item in idle:
            item.connection.close()

    def _open(self) -> _Idle[C]:
        now = self._clock()
        return _Idle(self._connect(), opened_at=now, idle_since=now)

    def _take(self) -> _Idle[C] | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                item = self._idle.pop()
            idle_for = self._clock() - item.idle_since
            if idle_for < self._check_after or self._is_alive(item.connection):
                return item
            item.connection.close()
            self.close()

    def _give_back(self, item: _Idle[C]) -> None:
        now = self._clock()
        item.idle_since = now
        with self._lock:
            if len(self._idle) < self._max_idle and now - item.opened_at < self._max_age:
                self._idle.append(item)
                return
        item.connection.close()
