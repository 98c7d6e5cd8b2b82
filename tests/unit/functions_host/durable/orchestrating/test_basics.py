"""The first promises: activities in sequence, timers, custom status, and the simplest client calls."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df


def add_chain(app: df.DFApp) -> None:
    @app.orchestration_trigger(context_name="context")
    def chain(context: df.DurableOrchestrationContext) -> Any:
        first = yield context.call_activity("double", context.get_input())
        context.set_custom_status({"doubled": first})
        second = yield context.call_activity("double", first)
        return (yield context.call_activity("double", second))

    @app.activity_trigger(input_name="number")
    def double(number: int) -> int:
        return number * 2


async def test_activities_run_in_sequence_and_their_results_reach_the_output(app: Any, start: Any) -> None:
    add_chain(app)
    host = await start(app)
    status = await host.run("chain", 3)
    assert (status.runtime_status.name, status.output) == ("Completed", 24)
    assert host.calls == [("double", 3), ("double", 6), ("double", 12)]
    assert status.custom_status == {"doubled": 6}


async def test_a_timer_of_hours_ends_in_milliseconds_under_the_virtual_clock(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def sleeper(context: df.DurableOrchestrationContext) -> Any:
        before = context.current_utc_datetime
        yield context.create_timer(before + timedelta(hours=30))
        return (context.current_utc_datetime - before).total_seconds()

    host = await start(app)
    assert (await host.run("sleeper")).output == 30 * 3600


async def test_a_finished_instance_survives_a_restart_of_the_host(
    app: Any, open_engine: Any, tmp_path: Path
) -> None:
    add_chain(app)
    async with open_engine(app, tmp_path / "hub.db") as host:
        await host.run("chain", 1, "kept")
    async with open_engine(app, tmp_path / "hub.db") as host:
        status = await host.status("kept")
        assert (status.runtime_status.name, status.output) == ("Completed", 8)
        assert host.calls == []


async def test_an_instance_in_flight_goes_on_after_a_restart(
    app: Any, open_engine: Any, tmp_path: Path
) -> None:
    release = asyncio.Event()

    @app.orchestration_trigger(context_name="context")
    def slow(context: df.DurableOrchestrationContext) -> Any:
        first = yield context.call_activity("quick", 1)
        return first + (yield context.call_activity("hanging", 2))

    @app.activity_trigger(input_name="number")
    def quick(number: int) -> int:
        return number

    @app.activity_trigger(input_name="number")
    async def hanging(number: int) -> int:
        await release.wait()
        return number

    async with open_engine(app, tmp_path / "hub.db") as host:
        await host.client.start_new("slow", "one")
        while ("hanging", 2) not in host.calls:
            await asyncio.sleep(0.001)
        stopping = asyncio.create_task(host.engine._activities.stop(0))
        await stopping
    release.set()
    async with open_engine(app, tmp_path / "hub.db") as host:
        assert (await host.finished("one")).output == 3
        assert host.calls == [("hanging", 2)]


async def test_terminate_ends_a_waiting_instance_with_the_reason_as_output(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def waiter(context: df.DurableOrchestrationContext) -> Any:
        yield context.wait_for_external_event("never")

    host = await start(app)
    await host.client.start_new("waiter", "w")
    await host.client.terminate("w", "enough")
    status = await host.finished("w")
    assert (status.runtime_status.name, status.output) == ("Terminated", "enough")


async def test_purge_removes_a_finished_instance_and_only_that(app: Any, start: Any) -> None:
    add_chain(app)
    host = await start(app)
    await host.run("chain", 1, "a")
    await host.run("chain", 1, "b")
    assert (await host.client.purge_instance_history("a")).instances_deleted == 1
    assert not await host.status("a")
    assert [s.instance_id for s in await host.client.get_status_all()] == ["b"]
