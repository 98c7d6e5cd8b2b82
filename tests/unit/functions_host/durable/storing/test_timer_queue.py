"""Timers in memory: fired in order, and gone when cancelled."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from functions_host.clock import VirtualClock
from functions_host.durable.storing import timer_queue
from functions_host.durable.storing.timer_queue import TimerQueue

HOUR = timedelta(hours=1)


async def test_timers_fire_in_order_of_their_times_and_cancelled_ones_never() -> None:
    clock = VirtualClock()
    fired: list[int] = []
    queue = TimerQueue(clock, lambda _, message_id: fired.append(message_id))
    for message_id, hours in ((1, 3), (2, 1), (3, 2)):
        queue.add(clock.now() + hours * HOUR, message_id, "i")
    queue.discard(3)
    running = asyncio.create_task(queue.run())
    await asyncio.sleep(0)
    clock.advance(4 * HOUR)
    await asyncio.sleep(0.01)
    assert fired == [2, 1]
    assert not queue.pending
    running.cancel()


def test_cancelled_deadlines_do_not_pile_up_in_memory() -> None:
    clock = VirtualClock()
    queue = TimerQueue(clock, lambda *_: None)
    queue.add(clock.now() + 72 * HOUR, 0, "kept")
    for message_id in range(1, 20_000):
        queue.add(clock.now() + 72 * HOUR, message_id, "i")
        queue.discard(message_id)
    assert len(queue._heap) <= timer_queue.MOST_DEAD_ENTRIES + 3
    assert queue._next_due() == clock.now() + 72 * HOUR
