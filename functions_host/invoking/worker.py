"""The language worker's death, as an app feels it on Azure.

There functions run in a process beside the host; here they run in the host's own, so its death is told, not had:
whatever ran fails as recorded on Functions host 4.1037, and calls wait until "the new worker" is there. What that
leaves out: threads that ran go on unheard to their end, and the app's modules keep what they hold.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from functions_host.clock import Clock
from functions_host.errors import WorkerExitedError

CRASHES_AT_MOST = 3
"""The host gives up at this one (for one worker process)."""
CRASHES_COUNT_FOR = timedelta(minutes=30)
"""A crash that comes later than this after the one before is a first one (read from the host's code, not recorded)."""

_log = logging.getLogger("functions_host.worker")


@dataclass(frozen=True)
class Crash:
    """How the worker dies, and for how long it is gone; seconds are of real time, whatever clock the host has."""

    exit_code: int = 137
    """137 is kill -9, as the system does it when memory runs out."""
    unnoticed_seconds: float = 0.5
    """What is called so soon after the death goes to the dead process and fails too (recorded: 0.1 to 1.2)."""
    away_seconds: float = 5.0
    """From the death until there is a new worker (recorded: 3 to 7); calls wait for it."""


class Worker:
    """Alive, dead but not missed yet, or away. All methods belong to the event loop."""

    def __init__(self, clock: Clock) -> None:
        self.recycling = asyncio.Event()
        """Set when the host has to give up: it must stop, and its process end."""
        self.on_exit: Callable[[], None] | None = None
        """Called when a worker dies, for what belongs to one process (threads)."""
        self._clock = clock
        self._running: set[asyncio.Timeout] = set()
        self._fallen: dict[asyncio.Timeout, _Death] = {}
        self._death: _Death | None = None
        self._crashes: list[datetime] = []

    @property
    def is_there(self) -> bool:
        """Whether calls can begin at once."""
        return self._death is None

    def begin(self, call: asyncio.Timeout) -> None:
        """A call began; its timeout is what ends it should the worker die."""
        self._running.add(call)

    def end(self, call: asyncio.Timeout) -> None:
        """The call is over."""
        self._running.discard(call)
        self._fallen.pop(call, None)

    async def arrive(self) -> None:
        """Wait for the worker; raises WorkerExitedError for a call that goes to the dead process."""
        while (death := self._death) is not None:
            if not death.missed.is_set():
                await death.fails()
            await death.replaced.wait()

    async def fell_with(self, call: asyncio.Timeout) -> None:
        """Raises WorkerExitedError, once the host has missed the worker, if the call ended because that died."""
        death = self._fallen.get(call)
        if death is not None:
            await death.fails()

    def crash(self, how: Crash) -> bool:
        """The worker dies now; False if once too often: the host gives up. Raises RuntimeError if it is away."""
        if self._death is not None:
            raise RuntimeError("there is no worker that could crash")
        code = how.exit_code
        error = WorkerExitedError(f"{sys.executable} exited with code {code} ({code:#x})")
        _log.error("Language Worker Process exited. %s", error)
        loop = asyncio.get_running_loop()
        death = self._death = _Death(error)
        self._fallen |= dict.fromkeys(self._running, death)
        for call in self._running:
            call.reschedule(loop.time())
        self._running.clear()
        if self.on_exit is not None:
            self.on_exit()
        loop.call_later(how.unnoticed_seconds, death.missed.set)
        if self._is_once_too_often():
            loop.call_later(how.unnoticed_seconds, self._give_up)
            return False
        loop.call_later(max(how.unnoticed_seconds, how.away_seconds), self._replace)
        return True

    def _is_once_too_often(self) -> bool:
        now = self._clock.now()
        if self._crashes and now - self._crashes[-1] > CRASHES_COUNT_FOR:
            self._crashes.clear()
        self._crashes.append(now)
        return len(self._crashes) >= CRASHES_AT_MOST

    def _replace(self) -> None:
        death, self._death = self._death, None
        if death is not None:
            death.replaced.set()
        _log.info("Worker process started and initialized.")

    def _give_up(self) -> None:
        _log.error(
            "Exceeded language worker restart retry count for runtime:python."
            " Shutting down and proactively recycling the Functions Host to recover"
        )
        self.recycling.set()


class _Death:
    """One worker's death: whether the host has missed it, whether there is a new one."""

    def __init__(self, error: WorkerExitedError) -> None:
        self.missed, self.replaced = asyncio.Event(), asyncio.Event()
        self._error = error

    async def fails(self) -> None:
        await self.missed.wait()
        raise WorkerExitedError(str(self._error))
