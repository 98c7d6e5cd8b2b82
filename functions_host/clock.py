"""The host's only source of time, so that tests can own it.

`SystemClock` is real time. `VirtualClock` moves only when told to, or, in
auto-advance mode, jumps to the next due time whenever every watched engine is
idle and a durable timer is all that is left to wait for: an orchestration that
sleeps for days is then tested in milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

_CORRECTION = timedelta(seconds=1)


class Clock(Protocol):
    """What the host asks of time. All times are aware UTC datetimes."""

    def now(self) -> datetime:
        """The present moment."""
        ...

    async def sleep_until(self, when: datetime | None, wake: asyncio.Event) -> None:
        """Return when `when` is reached or `wake` is set (never clears it); None waits for `wake` alone."""
        ...


class SystemClock:
    """Real time that never runs backwards while the host runs.

    A computer's clock that is set back by a day would make every durable timer wait a day longer; it is followed
    forwards at once, and backwards only by what a time service corrects.
    """

    def __init__(self) -> None:
        self._wall, self._steady = datetime.now(UTC), time.monotonic()

    def now(self) -> datetime:
        wall, steady = datetime.now(UTC), time.monotonic()
        expected = self._wall + timedelta(seconds=steady - self._steady)
        if wall < expected - _CORRECTION:
            return expected
        self._wall, self._steady = wall, steady
        return wall

    async def sleep_until(self, when: datetime | None, wake: asyncio.Event) -> None:
        if wake.is_set():
            return
        if when is None:
            await wake.wait()
            return
        delay = (when - self.now()).total_seconds()
        if delay > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), delay)


class VirtualClock:
    """Time that a test moves.

    `advance(delta)` moves it by hand. With `auto_advance` it also moves by
    itself: to the earliest time anybody sleeps for, but only while each engine
    registered with `watch` reports that nothing but its own timers is pending,
    and only after `settle_seconds` of real time without a new sleeper, so that
    a client's next HTTP request can still get in between.
    """

    def __init__(
        self,
        start: datetime = datetime(2026, 1, 1, tzinfo=UTC),
        *,
        auto_advance: bool = False,
        settle_seconds: float = 0.005,
    ) -> None:
        self._now = start
        self._auto_advance = auto_advance
        self._settle_seconds = settle_seconds
        self._sleepers: dict[asyncio.Future[None], datetime] = {}
        self._only_timers_pending: list[Callable[[], bool]] = []
        self._jump: asyncio.TimerHandle | None = None

    def now(self) -> datetime:
        return self._now

    def advance(self, delta: timedelta) -> None:
        """Move forward by `delta` and wake whoever is due; call it on the event loop's thread."""
        if delta < timedelta(0):
            raise ValueError("time does not run backwards")
        self._move_to(self._now + delta)

    def watch(self, only_timers_pending: Callable[[], bool]) -> None:
        """Let auto-advance ask this engine whether a timer of its own is all it waits for."""
        self._only_timers_pending.append(only_timers_pending)

    def unwatch(self, only_timers_pending: Callable[[], bool]) -> None:
        """Stop asking an engine that has stopped."""
        with contextlib.suppress(ValueError):
            self._only_timers_pending.remove(only_timers_pending)

    async def sleep_until(self, when: datetime | None, wake: asyncio.Event) -> None:
        if wake.is_set() or (when is not None and when <= self._now):
            return
        if when is None:
            await wake.wait()
            return
        due: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        woken = asyncio.ensure_future(wake.wait())
        either: set[asyncio.Future[Any]] = {due, woken}
        self._sleepers[due] = when
        self._plan_jump()
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._sleepers.pop(due, None)
            woken.cancel()

    def _move_to(self, moment: datetime) -> None:
        self._now = max(self._now, moment)
        for due, when in self._sleepers.items():
            if when <= self._now and not due.done():
                due.set_result(None)

    def _plan_jump(self) -> None:
        if not self._auto_advance:
            return
        if self._jump is not None:
            self._jump.cancel()
        self._jump = asyncio.get_running_loop().call_later(self._settle_seconds, self._jump_if_idle)

    def _jump_if_idle(self) -> None:
        self._jump = None
        waiting = [when for due, when in self._sleepers.items() if not due.done()]
        if not waiting:
            return
        if self._only_timers_pending and all(probe() for probe in self._only_timers_pending):
            self._move_to(min(waiting))
        else:
            self._plan_jump()
