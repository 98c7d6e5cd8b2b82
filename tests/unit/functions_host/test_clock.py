"""The two clocks: real time, and time that a test moves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, tzinfo

import pytest

from functions_host.clock import SystemClock, VirtualClock

HOUR = timedelta(hours=1)


async def test_the_system_clock_sleeps_until_the_time_or_the_wake() -> None:
    clock = SystemClock()
    wake = asyncio.Event()
    before = clock.now()
    await clock.sleep_until(before + timedelta(milliseconds=20), wake)
    assert clock.now() - before >= timedelta(milliseconds=19)
    asyncio.get_running_loop().call_later(0.01, wake.set)
    await asyncio.wait_for(clock.sleep_until(before + HOUR, wake), 5)
    await asyncio.wait_for(clock.sleep_until(None, wake), 5)
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


async def test_virtual_time_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock()
    start = clock.now()
    sleeping = asyncio.create_task(clock.sleep_until(start + HOUR, asyncio.Event()))
    await asyncio.sleep(0.02)
    clock.advance(timedelta(minutes=59))
    await asyncio.sleep(0.01)
    assert not sleeping.done()
    clock.advance(timedelta(minutes=1))
    await asyncio.wait_for(sleeping, 5)
    assert clock.now() == start + HOUR


async def test_virtual_sleep_ends_when_woken_or_already_due() -> None:
    clock = VirtualClock()
    wake = asyncio.Event()
    sleeping = asyncio.create_task(clock.sleep_until(clock.now() + HOUR, wake))
    forever = asyncio.create_task(clock.sleep_until(None, wake))
    await asyncio.sleep(0)
    wake.set()
    await asyncio.wait_for(asyncio.gather(sleeping, forever), 5)
    await asyncio.wait_for(clock.sleep_until(clock.now(), asyncio.Event()), 5)


async def test_auto_advance_jumps_only_while_every_engine_waits_for_timers_alone() -> None:
    clock = VirtualClock(auto_advance=True, settle_seconds=0.001)
    start = clock.now()
    busy = True
    clock.watch(lambda: not busy)
    sleeping = asyncio.create_task(clock.sleep_until(start + HOUR, asyncio.Event()))
    await asyncio.sleep(0.02)
    assert clock.now() == start
    busy = False
    await asyncio.wait_for(sleeping, 5)
    assert clock.now() == start + HOUR


async def test_without_an_engine_auto_advance_does_not_move() -> None:
    clock = VirtualClock(auto_advance=True, settle_seconds=0.001)
    start = clock.now()
    sleeping = asyncio.create_task(clock.sleep_until(start + HOUR, asyncio.Event()))
    await asyncio.sleep(0.02)
    assert clock.now() == start
    sleeping.cancel()


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        VirtualClock().advance(-HOUR)


def test_real_time_follows_a_clock_set_forward_and_never_runs_backwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A timer due in a minute must not wait a day because the computer's clock was set back."""
    wall, steady = datetime(2026, 1, 2, tzinfo=UTC), 100.0

    class Wall(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return wall

    monkeypatch.setattr("functions_host.clock.datetime", Wall)
    monkeypatch.setattr("functions_host.clock.time.monotonic", lambda: steady)
    clock = SystemClock()
    wall, steady = wall - timedelta(days=1), steady + 30
    assert clock.now() == datetime(2026, 1, 2, 0, 0, 30, tzinfo=UTC)
    wall, steady = datetime(2026, 1, 2, 0, 0, 39, tzinfo=UTC), steady + 10
    assert clock.now() == wall  # a time service's correction is followed
    wall = datetime(2026, 1, 5, tzinfo=UTC)
    assert clock.now() == wall
