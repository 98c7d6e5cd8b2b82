"""Suspend, resume, terminate, rewind, restart, purge and starting over an existing id (contract B4, B7, B8)."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest
from azure.durable_functions import DurableOrchestrationContext as Context
from azure.durable_functions.models.OrchestrationRuntimeStatus import OrchestrationRuntimeStatus

from functions_host.clock import VirtualClock


def add_waiter(app: df.DFApp) -> None:
    @app.orchestration_trigger(context_name="context")
    def waiter(context: Context) -> Any:
        got = yield context.wait_for_external_event("Go")
        return [context.get_input(), got]


def add_done(app: df.DFApp) -> None:
    @app.orchestration_trigger(context_name="context")
    def done(context: Context) -> Any:
        return context.get_input()


async def test_a_suspended_instance_queues_events_and_runs_no_user_code(app: Any, start: Any) -> None:
    add_waiter(app)
    host = await start(app)
    await host.client.start_new("waiter", "w")
    await host.settled()
    await host.client.suspend("w", "hold on")
    await host.settled()
    assert await host.label("w") == "Suspended"
    replays = len(host.catalog.contexts)
    await host.client.raise_event("w", "Go", 1)
    await host.settled()
    assert len(host.catalog.contexts) == replays
    await host.client.resume("w", "go on")
    assert (await host.finished("w")).output == [None, "1"]


async def test_a_timer_that_fires_while_suspended_counts_after_resuming(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def sleeper(context: Context) -> Any:
        yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))
        return "woke"

    host = await start(app, clock=VirtualClock())
    await host.client.start_new("sleeper", "s")
    await host.settled()
    await host.client.suspend("s", "")
    await host.settled()
    host.advance(hours=2)
    await host.settled()
    assert await host.label("s") == "Suspended"
    await host.client.resume("s", "")
    assert (await host.finished("s")).output == "woke"


async def test_suspension_and_what_it_holds_survive_a_restart(
    app: Any, open_engine: Any, tmp_path: Path
) -> None:
    add_waiter(app)
    async with open_engine(app, tmp_path / "hub.db") as host:
        await host.client.start_new("waiter", "w")
        await host.settled()
        await host.client.suspend("w", "")
        await host.client.raise_event("w", "Go", 1)
        await host.settled()
    async with open_engine(app, tmp_path / "hub.db") as host:
        await host.settled()
        assert await host.label("w") == "Suspended"
        await host.client.resume("w", "")
        assert (await host.finished("w")).output == [None, "1"]


async def test_a_suspended_instance_can_be_terminated(app: Any, start: Any) -> None:
    add_waiter(app)
    host = await start(app)
    await host.client.start_new("waiter", "w")
    await host.settled()
    await host.client.suspend("w", "")
    await host.settled()
    await host.client.terminate("w", "no more")
    assert (await host.finished("w")).output == "no more"


async def test_suspending_twice_or_resuming_a_running_instance_is_an_error(app: Any, start: Any) -> None:
    add_waiter(app)
    host = await start(app)
    await host.client.start_new("waiter", "w")
    await host.settled()
    with pytest.raises(Exception, match="500"):
        await host.client.resume("w", "")
    await host.client.suspend("w", "")
    await host.settled()
    with pytest.raises(Exception, match="500"):
        await host.client.suspend("w", "")


async def test_results_of_a_terminated_instances_activities_are_discarded(app: Any, start: Any) -> None:
    release = asyncio.Event()

    @app.orchestration_trigger(context_name="context")
    def slow(context: Context) -> Any:
        return (yield context.call_activity("held", 1))

    @app.activity_trigger(input_name="value")
    async def held(value: int) -> int:
        await release.wait()
        return value

    host = await start(app)
    await host.client.start_new("slow", "s")
    while not host.calls:
        await asyncio.sleep(0.001)
    await host.client.terminate("s", "stop")
    assert (await host.finished("s")).runtime_status is OrchestrationRuntimeStatus.Terminated
    release.set()
    await host.settled()
    assert (await host.status("s")).output == "stop"


async def test_rewind_runs_the_failed_activity_again_and_keeps_the_rest(app: Any, start: Any) -> None:
    broken = True

    @app.orchestration_trigger(context_name="context")
    def steps(context: Context) -> Any:
        first = yield context.call_activity("good", 1)
        second = yield context.call_activity("bad", 2)
        third = yield context.call_activity("good", 3)
        return [first, second, third]

    @app.activity_trigger(input_name="value")
    def good(value: int) -> int:
        return value

    @app.activity_trigger(input_name="value")
    def bad(value: int) -> int:
        if broken:
            raise RuntimeError("out of order")
        return value

    host = await start(app)
    assert (await host.run("steps", instance_id="s")).runtime_status.name == "Failed"
    broken = False
    await host.client.rewind("s", "repaired")
    assert (await host.finished("s")).output == [1, 2, 3]
    assert host.calls == [("good", 1), ("bad", 2), ("bad", 2), ("good", 3)]


async def test_rewind_undoes_a_retried_call_as_a_whole(app: Any, start: Any) -> None:
    broken = True

    @app.orchestration_trigger(context_name="context")
    def steps(context: Context) -> Any:
        retry = df.RetryOptions(1000, 3)
        return (yield context.call_activity_with_retry("bad", retry, 2))

    @app.activity_trigger(input_name="value")
    def bad(value: int) -> int:
        if broken:
            raise RuntimeError("out of order")
        return value

    host = await start(app)
    assert (await host.run("steps", instance_id="s")).runtime_status.name == "Failed"
    broken = False
    await host.client.rewind("s", "repaired")
    assert (await host.finished("s")).output == 2
    assert len(host.calls) == 4


async def test_rewind_keeps_a_retried_call_that_had_succeeded(app: Any, start: Any) -> None:
    failing = {"a": 1, "b": 1}

    @app.orchestration_trigger(context_name="context")
    def steps(context: Context) -> Any:
        first = yield context.call_activity_with_retry("moody", df.RetryOptions(1000, 3), "a")
        return [first, (yield context.call_activity("moody", "b"))]

    @app.activity_trigger(input_name="value")
    def moody(value: str) -> str:
        failing[value] -= 1
        if failing[value] >= 0:
            raise RuntimeError("moody")
        return value

    host = await start(app)
    assert (await host.run("steps", instance_id="s")).runtime_status.name == "Failed"
    await host.client.rewind("s", "again")
    assert (await host.finished("s")).output == ["a", "b"]
    assert [value for _, value in host.calls] == ["a", "a", "b", "b"]


async def test_rewind_reaches_into_a_failed_sub_orchestration(app: Any, start: Any) -> None:
    broken = True

    @app.orchestration_trigger(context_name="context")
    def parent(context: Context) -> Any:
        yield context.call_activity("good", "before")
        return (yield context.call_sub_orchestrator("child", None, "kid"))

    @app.orchestration_trigger(context_name="context")
    def child(context: Context) -> Any:
        yield context.call_activity("good", "in child")
        return (yield context.call_activity("bad", 1))

    @app.activity_trigger(input_name="value")
    def good(value: str) -> str:
        return value

    @app.activity_trigger(input_name="value")
    def bad(value: int) -> int:
        if broken:
            raise RuntimeError("out of order")
        return value

    host = await start(app)
    assert (await host.run("parent", instance_id="p")).runtime_status.name == "Failed"
    broken = False
    await host.client.rewind("p", "repaired")
    assert (await host.finished("p")).output == 1
    assert [value for _, value in host.calls] == ["before", "in child", 1, 1]


async def test_two_rewinds_at_once_revive_the_instance_once(app: Any, start: Any, tmp_path: Path) -> None:
    broken = True

    @app.orchestration_trigger(context_name="context")
    def steps(context: Context) -> Any:
        return (yield context.call_activity("bad", 2))

    @app.activity_trigger(input_name="value")
    async def bad(value: int) -> int:
        if broken:
            raise RuntimeError("out of order")
        await asyncio.sleep(0)
        return value

    host = await start(app, tmp_path / "hub.db")
    await host.run("steps", instance_id="s")
    broken = False
    rewind = host.engine._commands.rewind  # over HTTP they would hardly come in one turn of the loop
    outcomes = await asyncio.gather(*[rewind("s", "repaired") for _ in range(5)], return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert (await host.finished("s")).output == 2
    await host.settled()
    assert host.calls == [("bad", 2), ("bad", 2)]


async def test_rewind_is_for_failed_instances_only(app: Any, start: Any) -> None:
    add_done(app)
    add_waiter(app)
    host = await start(app)
    await host.run("done", 1, "d")
    await host.client.start_new("waiter", "w")
    with pytest.raises(Exception, match="only supported on failed"):
        await host.client.rewind("d", "")
    with pytest.raises(Exception, match="only supported on failed"):
        await host.client.rewind("w", "")
    with pytest.raises(Exception, match="No instance with ID nobody found"):
        await host.client.rewind("nobody", "")


async def test_restart_runs_the_same_input_under_a_new_id(app: Any, start: Any) -> None:
    add_done(app)
    host = await start(app)
    await host.run("done", {"n": 1}, "d")
    payload = await host.client.restart("d")
    assert payload["id"] != "d"
    assert (await host.finished(payload["id"])).output == {"n": 1}


async def test_restart_under_the_same_id_replaces_the_finished_run(app: Any, start: Any) -> None:
    add_done(app)
    host = await start(app)
    await host.run("done", 5, "d")
    runs = len(host.catalog.contexts)
    assert (await host.client.restart("d", False))["id"] == "d"
    assert (await host.finished("d")).output == 5
    assert len(host.catalog.contexts) == runs + 1


async def test_restart_of_an_unknown_or_running_instance_is_refused(app: Any, start: Any) -> None:
    add_waiter(app)
    host = await start(app)
    with pytest.raises(Exception, match="400"):
        await host.client.restart("nobody")
    await host.client.start_new("waiter", "w")
    with pytest.raises(Exception, match="409"):
        await host.client.restart("w", False)


async def test_a_live_id_is_refused_and_a_finished_one_replaced(app: Any, start: Any) -> None:
    add_waiter(app)
    add_done(app)
    host = await start(app)
    await host.client.start_new("waiter", "x", "old")
    await host.settled()
    with pytest.raises(Exception, match="with the status Running already exists"):
        await host.client.start_new("done", "x", 1)
    await host.client.terminate("x", "bye")
    await host.finished("x")
    assert (await host.run("done", 2, "x")).output == 2
    assert [row["EventType"] for row in await host.history("x")] == ["ExecutionStarted", "ExecutionCompleted"]


async def test_two_starts_of_one_id_at_once_give_one_instance(app: Any, start: Any) -> None:
    add_waiter(app)
    host = await start(app)
    outcomes = await asyncio.gather(
        *[host.client.start_new("waiter", "one", n) for n in range(10)], return_exceptions=True
    )
    assert sum(outcome == "one" for outcome in outcomes) == 1
    assert len(await host.client.get_status_all()) == 1


async def test_any_state_lets_a_start_replace_a_running_instance(app: Any, start: Any) -> None:
    add_waiter(app)
    host = await start(app, host_json={"overridableExistingInstanceStates": "AnyState"})
    await host.client.start_new("waiter", "x", "old")
    await host.settled()
    await host.client.start_new("waiter", "x", "new")
    await host.settled()
    await host.client.raise_event("x", "Go", 1)
    assert (await host.finished("x")).output == ["new", "1"]


async def test_purge_by_time_and_status_leaves_the_rest(app: Any, start: Any) -> None:
    add_done(app)
    add_waiter(app)
    host = await start(app, clock=VirtualClock())
    await host.run("done", 1, "early")
    host.advance(hours=1)
    await host.run("done", 1, "late")
    await host.client.start_new("waiter", "alive")
    await host.client.start_new("waiter", "killed")
    await host.client.terminate("killed", "")
    await host.finished("killed")
    border = datetime(2026, 1, 1, 0, 30)
    result = await host.client.purge_instance_history_by(border, None, [OrchestrationRuntimeStatus.Completed])
    assert result.instances_deleted == 1
    assert {s.instance_id for s in await host.client.get_status_all()} == {"early", "alive", "killed"}
    result = await host.client.purge_instance_history_by(datetime(2025, 1, 1))
    assert result.instances_deleted == 2
    assert {s.instance_id for s in await host.client.get_status_all()} == {"alive"}


async def test_purge_of_a_living_or_unknown_instance_deletes_nothing(app: Any, start: Any) -> None:
    add_waiter(app)
    host = await start(app)
    await host.client.start_new("waiter", "w")
    assert (await host.client.purge_instance_history("w")).instances_deleted == 0
    assert (await host.client.purge_instance_history("nobody")).instances_deleted == 0
    assert await host.status("w")


async def test_waiting_instances_beyond_the_limit_live_on_file_and_wake_from_there(
    app: Any, start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from functions_host.durable.storing import task_hub as hub_module

    monkeypatch.setattr(hub_module, "MOST_IDLE_INSTANCES", 5)

    @app.orchestration_trigger(context_name="context")
    def waits(context: Context) -> Any:
        timer = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
        event = context.wait_for_external_event("Go")
        first = yield context.call_activity("echo", context.get_input())
        winner = yield context.task_any([event, timer])
        if winner == event:
            timer.cancel()
        return [first, "event" if winner == event else "timer"]

    @app.activity_trigger(input_name="number")
    async def echo(number: int) -> int:
        return number

    host = await start(app, tmp_path / "hub.db", clock=VirtualClock())
    for number in range(30):
        await host.client.start_new("waits", f"w{number}", number)
    await host.settled()
    assert len(host.engine._hub.instances) <= 6
    for number in range(0, 30, 2):
        await host.client.raise_event(f"w{number}", "Go", 1)
    await host.settled()
    host.advance(hours=1)
    for number in range(30):
        assert (await host.finished(f"w{number}")).output == [number, "timer" if number % 2 else "event"]
