"""External events and continue-as-new (contract B4, B5, B9)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from azure.durable_functions import DurableOrchestrationContext as Context

from functions_host.clock import VirtualClock


async def test_an_event_raised_by_the_sdk_arrives_as_a_string(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def waits(context: Context) -> Any:
        return (yield context.wait_for_external_event("Go"))

    host = await start(app)
    await host.client.start_new("waits", "w")
    await host.settled()
    await host.client.raise_event("w", "Go", {"by": "me"})
    assert (await host.finished("w")).output == '{"by": "me"}'


async def test_an_event_posted_as_raw_json_arrives_as_an_object(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def waits(context: Context) -> Any:
        return (yield context.wait_for_external_event("Go"))

    host = await start(app)
    await host.client.start_new("waits", "w")
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{host.rpc}instances/w/raiseEvent/Go", json={"by": "me"}) as answer,
    ):
        assert answer.status == 202
    assert (await host.finished("w")).output == {"by": "me"}


async def test_an_event_raised_before_the_wait_is_kept(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def late(context: Context) -> Any:
        yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))
        return (yield context.wait_for_external_event("Go"))

    host = await start(app)
    await host.client.start_new("late", "w")
    await host.client.raise_event("w", "Go", 1)
    assert (await host.finished("w")).output == "1"


async def test_two_waiters_of_one_name_are_served_last_in_first_out(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def two(context: Context) -> Any:
        waiting = [context.wait_for_external_event("Go"), context.wait_for_external_event("Go")]
        return (yield context.task_all(waiting))

    host = await start(app)
    await host.client.start_new("two", "w")
    await host.settled()
    await host.client.raise_event("w", "Go", "first")
    await host.settled()
    await host.client.raise_event("w", "Go", "second")
    assert (await host.finished("w")).output == ['"second"', '"first"']


async def test_two_events_before_the_wait_show_the_sdks_known_fault(app: Any, start: Any) -> None:
    """Contract B9: the SDK loses the first and delivers the second twice; a faithful host shows it."""

    @app.orchestration_trigger(context_name="context")
    def late(context: Context) -> Any:
        yield context.create_timer(context.current_utc_datetime + timedelta(hours=1))
        first = yield context.wait_for_external_event("Go")
        second = yield context.wait_for_external_event("Go")
        return [first, second]

    host = await start(app, clock=VirtualClock())
    await host.client.start_new("late", "w")
    await host.client.raise_event("w", "Go", 1)
    await host.client.raise_event("w", "Go", 2)
    await host.settled()
    host.advance(hours=1)
    assert (await host.finished("w")).output == ["2", "2"]


async def test_an_approval_beats_its_timeout_and_cancels_it(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def approval(context: Context) -> Any:
        timeout = context.create_timer(context.current_utc_datetime + timedelta(days=3))
        approved = context.wait_for_external_event("Approval")
        winner = yield context.task_any([approved, timeout])
        if winner == approved:
            timeout.cancel()
            return json.loads(approved.result)
        return "escalated"

    host = await start(app, clock=VirtualClock())
    await host.client.start_new("approval", "yes")
    await host.settled()
    await host.client.raise_event("yes", "Approval", "granted")
    assert (await host.finished("yes")).output == "granted"
    await host.client.start_new("approval", "no")
    await host.settled()
    host.advance(days=3)
    assert (await host.finished("no")).output == "escalated"


async def test_events_for_a_finished_instance_are_refused_as_gone(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def done(context: Context) -> Any:
        return 1

    host = await start(app)
    await host.run("done", instance_id="d")
    with pytest.raises(Exception, match="gone"):
        await host.client.raise_event("d", "Go", 1)


async def test_continue_as_new_starts_over_with_the_new_input(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def counts(context: Context) -> Any:
        number = context.get_input()
        yield context.call_activity("note", number)
        if number < 5:
            context.continue_as_new(number + 1)
            return None
        return number

    @app.activity_trigger(input_name="number")
    def note(number: int) -> int:
        return number

    host = await start(app)
    status = await host.run("counts", 1, "c")
    assert status.output == 5
    assert host.calls == [("note", n) for n in range(1, 6)]
    history = await host.history("c")
    assert [row["EventType"] for row in history] == [
        "ExecutionStarted",
        "TaskCompleted",
        "ExecutionCompleted",
    ]
    assert (await host.status("c", show_input=True)).input_ == "5"


async def test_continue_as_new_gives_every_execution_a_new_id_and_a_fresh_history(
    app: Any, start: Any
) -> None:
    @app.orchestration_trigger(context_name="context")
    def twice(context: Context) -> Any:
        if context.get_input() == "again":
            return "over"
        context.continue_as_new("again")
        return None

    host = await start(app)
    await host.run("twice", "first", "t")
    starts = [
        event
        for text in host.catalog.contexts
        for event in json.loads(text)["history"]
        if event["EventType"] == 0
    ]
    assert len(host.catalog.contexts) == 2
    assert len({event["OrchestrationInstance"]["ExecutionId"] for event in starts}) == 2


async def test_a_cancelled_timer_of_an_earlier_execution_never_fires_into_the_next(
    app: Any, start: Any
) -> None:
    @app.orchestration_trigger(context_name="context")
    def loops(context: Context) -> Any:
        timeout = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
        event = context.wait_for_external_event("Next")
        winner = yield context.task_any([event, timeout])
        if winner == timeout:
            return ["timeout", context.get_input()]
        timeout.cancel()
        context.continue_as_new((context.get_input() or 0) + 1)

    host = await start(app, clock=VirtualClock())
    await host.client.start_new("loops", "l")
    await host.settled()
    host.advance(minutes=30)
    await host.client.raise_event("l", "Next")
    await host.settled()
    host.advance(minutes=45)  # past the first timer, not the second
    await host.settled()
    assert await host.label("l") == "Running"
    host.advance(minutes=20)
    assert (await host.finished("l")).output == ["timeout", 1]


async def test_events_that_come_while_it_continues_as_new_reach_the_next_execution(
    app: Any, start: Any
) -> None:
    @app.orchestration_trigger(context_name="context")
    def collects(context: Context) -> Any:
        seen = context.get_input() or []
        seen = [*seen, (yield context.wait_for_external_event("Item"))]
        if len(seen) == 3:
            return seen
        context.continue_as_new(seen)

    host = await start(app)
    await host.client.start_new("collects", "c")
    await host.settled()
    for number in range(3):
        await host.client.raise_event("c", "Item", number)
    assert (await host.finished("c")).output == ["0", "1", "2"]
