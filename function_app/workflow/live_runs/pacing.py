"""How often storage, store and Durable are asked, and how long a caller waits for their answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


class TokenBucket:
    """A rate limit: ``a_minute`` in the long run, ``at_once`` after a pause."""

    def __init__(self, a_minute: int, at_once: int) -> None:
        self._a_minute = a_minute
        self._at_once = float(at_once)
        self._left = float(at_once)
        self._at: datetime | None = None

    def take(self, now: datetime, wanted: int) -> int:
        """Take up to ``wanted`` tokens; how many there were."""
        if self._at is not None:
            gained = max(0.0, (now - self._at) / timedelta(minutes=1)) * self._a_minute
            self._left = min(self._at_once, self._left + gained)
        self._at = now
        taken = min(wanted, int(self._left))
        self._left -= taken
        return taken


class BackgroundCall(Generic[S, T]):
    """One slow call at a time, which goes on when its caller stops waiting."""

    def __init__(self) -> None:
        self._task: asyncio.Future[tuple[S, T]] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether there is a call whose result nobody has taken."""
        return self._task is not None

    async def within(
        self, seconds: float, subject: S, call: Callable[[], Awaitable[T]]
    ) -> tuple[S, T] | None:
        """The result with the subject it belongs to; None if it is not there yet.

        While an earlier call is under way no other is made, and nobody waits for it. Raises what the call raises.
        """
        task = self._task
        if task is None:
            task = self._task = asyncio.ensure_future(_with_subject(subject, call))
            await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            return None
        self._task = None
        return task.result()


async def _with_subject(subject: S, call: Callable[[], Awaitable[T]]) -> tuple[S, T]:
    return subject, await call()
