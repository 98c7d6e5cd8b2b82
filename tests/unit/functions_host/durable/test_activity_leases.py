"""What a dead host was running: at once to its successor, or after five minutes, as in Azure."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest

from functions_host.clock import VirtualClock
from functions_host.durable.activities import ACTIVITY_LEASE


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "hub.db"


@pytest.fixture
def begun(app: df.DFApp) -> list[int]:
    """Calls of an activity whose first two hang until their host ends; the hub runs two at once."""
    calls: list[int] = []

    @app.activity_trigger(input_name="i")
    async def hangs(i: int) -> int:
        calls.append(i)
        if len(calls) <= 2:
            await asyncio.sleep(3600)
        return i

    @app.orchestration_trigger(context_name="context")
    def fan(context: df.DurableOrchestrationContext) -> Any:
        return (yield context.task_all([context.call_activity("hangs", i) for i in range(4)]))

    return calls


TWO_AT_ONCE = {"maxConcurrentActivityFunctions": 2}


async def dies_under_two_of_four(
    app: df.DFApp, open_engine: Any, hub: Path, begun: list[int], **options: Any
) -> None:
    async with open_engine(app, hub, host_json=TWO_AT_ONCE, **options) as host:
        await host.client.start_new("fan", "one")
        async with asyncio.timeout(10):
            while len(begun) < 2:
                await asyncio.sleep(0.001)
        await asyncio.sleep(0)  # the commit that notes the lease ends the turn in which it began


async def test_only_what_had_begun_waits_for_five_minutes(
    app: df.DFApp, open_engine: Any, hub: Path, begun: list[int]
) -> None:
    clock = VirtualClock()
    leased: dict[str, Any] = {"clock": clock, "activity_lease": ACTIVITY_LEASE}
    await dies_under_two_of_four(app, open_engine, hub, begun, **leased)
    clock.advance(timedelta(seconds=48))  # the new host's start, as recorded
    async with open_engine(app, hub, **leased) as host:
        await host.settled()
        assert begun == [0, 1, 2, 3], "what had not begun ran at once"
        clock.advance(timedelta(minutes=4, seconds=11))
        await host.settled()
        assert begun == [0, 1, 2, 3]
    async with open_engine(app, hub, **leased) as host:  # another restart meanwhile changes nothing
        assert await host.label("one") == "Running"
        clock.advance(timedelta(seconds=1))
        assert (await host.finished("one")).output == [0, 1, 2, 3]
    assert begun == [0, 1, 2, 3, 0, 1]


async def test_without_leases_everything_runs_again_at_once(
    app: df.DFApp, open_engine: Any, hub: Path, begun: list[int]
) -> None:
    await dies_under_two_of_four(app, open_engine, hub, begun, clock=VirtualClock())
    async with open_engine(app, hub, clock=VirtualClock()) as host:
        assert (await host.finished("one")).output == [0, 1, 2, 3]


async def test_a_clock_that_jumps_does_not_jump_over_a_lease_unheard(
    app: df.DFApp, open_engine: Any, hub: Path, begun: list[int]
) -> None:
    """A hidden activity is something to wait for, as a durable timer is."""
    await dies_under_two_of_four(
        app, open_engine, hub, begun, clock=VirtualClock(), activity_lease=ACTIVITY_LEASE
    )
    clock = VirtualClock(auto_advance=True, settle_seconds=0.002)
    begin = clock.now()
    async with open_engine(app, hub, clock=clock, activity_lease=ACTIVITY_LEASE) as host:
        assert (await host.finished("one")).output == [0, 1, 2, 3]
    assert clock.now() - begin == ACTIVITY_LEASE
