"""A crash of the language worker, as an app on Azure experiences it.

On Azure functions run in a worker process beside the host; here they run in the host's own process, so the crash is
simulated: running invocations fail as recorded on Functions host 4.1037, and later ones wait for "the new worker".
Not simulated: a thread cannot be killed, so a `def` function runs on and its result is discarded; modules keep their
state.
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
"""At this one the real host gives up (with one worker process)."""
CRASHES_COUNT_FOR = timedelta(minutes=30)
"""A crash later than this after the one before counts as the first (read from the host's code, not recorded)."""

_log = logging.getLogger("functions_host.worker")


@dataclass(frozen=True)
class Crash:
    """How the worker exits and for how long there is none; seconds of real time, whatever clock the host has."""

    exit_code: int = 137
    """137 is SIGKILL, which is what the kernel sends when memory runs out."""
    unnoticed_seconds: float = 0.5
    """Until the host notices; calls of that time go to the dead process and fail too (recorded: 0.1 to 1.2)."""
    away_seconds: float = 5.0
    """From the exit until there is a new worker (recorded: 3 to 7); calls wait for it."""


class Worker:
    """Running, exited unnoticed, or being replaced. All methods belong to the event loop."""

    def __init__(self, clock: Clock) -> None:
        self.recycling = asyncio.Event()
        """Set when the real host would end its own process: this one must stop, too."""
        self.on_exit: Callable[[], None] | None = None
        """Called when a worker exits, for what belongs to its process (threads)."""
        self._clock = clock
        self._running: set[asyncio.Timeout] = set()
        self._lost_calls: dict[asyncio.Timeout, _Exit] = {}
        self._exit: _Exit | None = None
        self._crashes: list[datetime] = []

    @property
    def is_there(self) -> bool:
        """Whether calls can begin at once."""
        return self._exit is None

    def begin(self, call: asyncio.Timeout) -> None:
        """A call began; its timeout is what ends it if the worker exits."""
        self._running.add(call)

    def end(self, call: asyncio.Timeout) -> None:
        """The call is over."""
        self._running.discard(call)
        self._lost_calls.pop(call, None)

    async def wait_for_worker(self) -> None:
        """Wait for a worker; raises WorkerExitedError for a call that still goes to the dead process."""
        while (exit_ := self._exit) is not None:
            if not exit_.noticed.is_set():
                await exit_.fail()
            await exit_.replaced.wait()

    async def check_lost(self, call: asyncio.Timeout) -> None:
        """Raise WorkerExitedError, once the exit is noticed, if the call ended because the worker exited."""
        exit_ = self._lost_calls.get(call)
        if exit_ is not None:
            await exit_.fail()

    def crash(self, how: Crash) -> bool:
        """The worker exits now; False if that was once too often. Raises RuntimeError while there is none."""
        if self._exit is not None:
            raise RuntimeError("there is no worker that could crash")
        code = how.exit_code
        error = WorkerExitedError(f"{sys.executable} exited with code {code} ({code:#x})")
        _log.error("Language Worker Process exited. %s", error)
        loop = asyncio.get_running_loop()
        exit_ = self._exit = _Exit(error)
        self._lost_calls |= dict.fromkeys(self._running, exit_)
        for call in self._running:
            call.reschedule(loop.time())
        self._running.clear()
        if self.on_exit is not None:
            self.on_exit()
        loop.call_later(how.unnoticed_seconds, exit_.noticed.set)
        if self._is_one_too_many():
            loop.call_later(how.unnoticed_seconds, self._give_up)
            return False
        loop.call_later(max(how.unnoticed_seconds, how.away_seconds), self._replace)
        return True

    def _is_one_too_many(self) -> bool:
        now = self._clock.now()
        if self._crashes and now - self._crashes[-1] > CRASHES_COUNT_FOR:
            self._crashes.clear()
        self._crashes.append(now)
        return len(self._crashes) >= CRASHES_AT_MOST

    def _replace(self) -> None:
        exit_, self._exit = self._exit, None
        if exit_ is not None:
            exit_.replaced.set()
        _log.info("Worker process started and initialized.")

    def _give_up(self) -> None:
        _log.error(
            "Exceeded language worker restart retry count for runtime:python."
            " Shutting down and proactively recycling the Functions Host to recover"
        )
        self.recycling.set()


class _Exit:
    """One exit of the worker: whether the host has noticed, whether there is a new worker."""

    def __init__(self, error: WorkerExitedError) -> None:
        self.noticed, self.replaced = asyncio.Event(), asyncio.Event()
        self._error = error

    async def fail(self) -> None:
        await self.noticed.wait()
        raise WorkerExitedError(str(self._error))
