"""How often the world may be asked, and how long anybody waits for its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

S = TypeVar("S")
T = TypeVar("T")


class Allowance:
    """How many questions may be put now: ``a_minute`` in the long run, ``at_once`` after a pause."""

    def __init__(self, a_minute: int, at_once: int) -> None:
        self._a_minute = a_minute
        self._at_once = float(at_once)
        self._left = float(at_once)
        self._at: datetime | None = None

    def take(self, now: datetime, wanted: int) -> int:
        """Up to ``wanted`` of them."""
        if self._at is not None:
            gained = max(0.0, (now - self._at) / timedelta(minutes=1)) * self._a_minute
            self._left = min(self._at_once, self._left + gained)
        self._at = now
        taken = min(wanted, int(self._left))
        self._left -= taken
        return taken


class Aside(Generic[S, T]):
    """One slow question at a time, which nobody waits for longer than they like."""

    def __init__(self) -> None:
        self._task: asyncio.Future[tuple[S, T]] | None = None

    @property
    def is_under_way(self) -> bool:
        """Whether a question was put whose answer nobody has had."""
        return self._task is not None

    async def within(self, seconds: float, subject: S, ask: Callable[[], Awaitable[T]]) -> tuple[S, T] | None:
        """The answer and the subject it is to; None if it is not there yet.

        A question under way from before is not put again, and not waited for. Raises what the question raises.
        """
        task = self._task
        if task is None:
            task = self._task = asyncio.ensure_future(_answered(subject, ask))
            await asyncio.wait({task}, timeout=seconds)
        if not task.done():
            return None
        self._task = None
        return task.result()


async def _answered(subject: S, ask: Callable[[], Awaitable[T]]) -> tuple[S, T]:
    return subject, await ask()
