"""Due times of what becomes visible later (timers, leases), and the loop that waits for the next of them."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime

from functions_host.clock import Clock

MOST_DEAD_ENTRIES = 1000
"""Cancelled timers that may stay in the queue; a deadline of days is usually cancelled after seconds."""


class TimerQueue:
    """Due times by message id; `on_due(instance_id, message_id)` is called once for each that comes due."""

    def __init__(self, clock: Clock, on_due: Callable[[str, int], None]) -> None:
        self._clock = clock
        self._on_due = on_due
        self._heap: list[tuple[datetime, int, str]] = []
        self._alive: set[int] = set()
        self._wake = asyncio.Event()

    def add(self, when: datetime, message_id: int, instance_id: str) -> None:
        """Call back at `when`."""
        heapq.heappush(self._heap, (when, message_id, instance_id))
        self._alive.add(message_id)
        if self._heap[0][1] == message_id:
            self._wake.set()

    def discard(self, message_id: int) -> None:
        """Forget a timer that was cancelled or whose instance has ended."""
        self._alive.discard(message_id)
        if len(self._heap) > MOST_DEAD_ENTRIES + 2 * len(self._alive):
            self._heap = [entry for entry in self._heap if entry[1] in self._alive]
            heapq.heapify(self._heap)

    @property
    def pending(self) -> bool:
        """Whether any timer is still to come."""
        return bool(self._alive)

    async def run(self) -> None:
        """Fire what comes due, until cancelled."""
        while True:
            await self._clock.sleep_until(self._next_due(), self._wake)
            self._wake.clear()
            now = self._clock.now()
            while self._heap and self._heap[0][0] <= now:
                _, message_id, instance_id = heapq.heappop(self._heap)
                if message_id in self._alive:
                    self._alive.discard(message_id)
                    self._on_due(instance_id, message_id)

    def _next_due(self) -> datetime | None:
        while self._heap and self._heap[0][1] not in self._alive:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
