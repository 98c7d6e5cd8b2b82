"""Contract B4, task by task: what the host does with each action, seen through real orchestrators."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
from azure.durable_functions import DurableOrchestrationContext as Context


def add_echo(app: df.DFApp) -> None:
    @app.activity_trigger(input_name="value")
    def echo(value: Any) -> Any:
        return value


def add_flaky(app: df.DFApp, failures: int) -> Counter[str]:
    """An activity that fails so many times per input, then succeeds."""
    tries: Counter[str] = Counter()

    @app.activity_trigger(input_name="value")
    def flaky(value: str) -> str:
        tries[value] += 1
        if tries[value] <= failures:
            raise ValueError(f"try {tries[value]}")
        return f"{value} done"

    return tries


def kinds(history: list[dict[str, Any]]) -> list[str]:
    return [row["EventType"] for row in history]


async def test_results_of_every_json_type_arrive_unchanged(app: Any, start: Any) -> None:
    add_echo(app)
    values = [
        1,
        2.5,
        "text",
        "",
        True,
        False,
        None,
        [1, [2]],
        {"a": {"b": None}},
        "ünïcødé 😀",
        "null",
        "[1]",
    ]

    @app.orchestration_trigger(context_name="context")
    def all_types(context: Context) -> Any:
        seen = []
        for value in values:
            seen.append((yield context.call_activity("echo", value)))
        return seen

    host = await start(app)
    output = (await host.run("all_types")).output
    # The activity trigger decodes JSON inside strings once more, as the real worker's converter does.
    assert output == [*values]
    assert [value for _, value in host.calls] == values


async def test_an_activity_that_returns_nothing_gives_none(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def asks(context: Context) -> Any:
        return [(yield context.call_activity("silent", 1))]

    @app.activity_trigger(input_name="value")
    def silent(value: int) -> None:
        return None

    host = await start(app)
    assert (await host.run("asks")).output == [None]


async def test_a_failed_activity_raises_with_reason_and_details(app: Any, start: Any) -> None:
    add_flaky(app, failures=1)

    @app.orchestration_trigger(context_name="context")
    def catcher(context: Context) -> Any:
        try:
            yield context.call_activity("flaky", "x")
        except Exception as error:
            return str(error)

    host = await start(app)
    output = (await host.run("catcher")).output
    reason, _, details = output.partition(" \n ")
    assert reason == "Activity function 'flaky' failed: ValueError: try 1"
    assert '"Message":"try 1"' in details


async def test_an_uncaught_activity_failure_fails_the_instance(app: Any, start: Any) -> None:
    add_flaky(app, failures=1)

    @app.orchestration_trigger(context_name="context")
    def careless(context: Context) -> Any:
        yield context.call_activity("flaky", "x")

    host = await start(app)
    status = await host.run("careless")
    assert status.runtime_status.name == "Failed"
    assert status.output.startswith(
        "Orchestrator function 'careless' failed: Activity function 'flaky' failed: ValueError: try 1"
    )


async def test_a_retried_activity_succeeds_after_pauses(app: Any, start: Any) -> None:
    tries = add_flaky(app, failures=2)

    @app.orchestration_trigger(context_name="context")
    def patient(context: Context) -> Any:
        before = context.current_utc_datetime
        result = yield context.call_activity_with_retry("flaky", df.RetryOptions(60_000, 3), "x")
        return [result, (context.current_utc_datetime - before).total_seconds()]

    host = await start(app)
    assert (await host.run("patient")).output == ["x done", 120.0]
    assert tries["x"] == 3


async def test_exhausted_retries_raise_after_the_dummy_timer(app: Any, start: Any) -> None:
    add_flaky(app, failures=9)
    add_echo(app)

    @app.orchestration_trigger(context_name="context")
    def exhausted(context: Context) -> Any:
        try:
            yield context.call_activity_with_retry("flaky", df.RetryOptions(1000, 2), "x")
        except Exception as error:
            first_line = str(error).partition(" \n ")[0]
        return [first_line, (yield context.call_activity("echo", "after"))]

    host = await start(app)
    status = await host.run("exhausted", instance_id="e")
    assert status.output == ["Activity function 'flaky' failed: ValueError: try 2", "after"]
    assert kinds(await host.history("e")) == [
        "ExecutionStarted",
        "TaskFailed",
        "TimerCreated",
        "TimerFired",
        "TaskFailed",
        "TimerCreated",
        "TimerFired",
        "TaskCompleted",
        "ExecutionCompleted",
    ]


async def test_many_retried_activities_can_be_joined(app: Any, start: Any) -> None:
    add_flaky(app, failures=1)

    @app.orchestration_trigger(context_name="context")
    def fan(context: Context) -> Any:
        retry = df.RetryOptions(500, 4)
        tasks = [context.call_activity_with_retry("flaky", retry, f"{n}") for n in range(25)]
        return (yield context.task_all(tasks))

    host = await start(app)
    assert (await host.run("fan")).output == [f"{n} done" for n in range(25)]


async def test_fan_out_runs_side_by_side_and_keeps_the_order(app: Any, start: Any) -> None:
    together = asyncio.Barrier(5)

    @app.orchestration_trigger(context_name="context")
    def fan(context: Context) -> Any:
        return (yield context.task_all([context.call_activity("meets", n) for n in range(5)]))

    @app.activity_trigger(input_name="number")
    async def meets(number: int) -> int:
        await together.wait()  # only five running at once can pass
        return number * number

    host = await start(app)
    assert (await host.run("fan")).output == [0, 1, 4, 9, 16]


async def test_when_all_with_a_failure_waits_for_the_others(app: Any, start: Any) -> None:
    release = asyncio.Event()
    add_flaky(app, failures=1)

    @app.orchestration_trigger(context_name="context")
    def mixed(context: Context) -> Any:
        try:
            yield context.task_all([context.call_activity("flaky", "x"), context.call_activity("held", 1)])
        except Exception:
            return "caught"

    @app.activity_trigger(input_name="value")
    async def held(value: int) -> int:
        await release.wait()
        return value

    host = await start(app)
    await host.client.start_new("mixed", "m")
    while ("held", 1) not in host.calls:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    assert await host.label("m") == "Running"
    release.set()
    assert (await host.finished("m")).output == "caught"


async def test_when_any_gives_the_first_and_the_race_can_go_on(app: Any, start: Any) -> None:
    add_echo(app)

    @app.orchestration_trigger(context_name="context")
    def race(context: Context) -> Any:
        timer = context.create_timer(context.current_utc_datetime + timedelta(days=1))
        work = context.call_activity("echo", "quick")
        winner = yield context.task_any([timer, work])
        timer.cancel()
        return "work" if winner == work else "timer"

    host = await start(app)
    assert (await host.run("race")).output == "work"


async def test_an_uncancelled_losing_timer_holds_completion_back(
    app: Any, start: Any, start_of_time: Any
) -> None:
    add_echo(app)

    @app.orchestration_trigger(context_name="context")
    def race(context: Context) -> Any:
        timer = context.create_timer(context.current_utc_datetime + timedelta(seconds=2))
        yield context.task_any([timer, context.call_activity("echo", 1)])
        return "over"

    host = await start(app)
    assert (await host.run("race")).output == "over"
    assert host.clock.now() - start_of_time >= timedelta(seconds=2)


async def test_a_cancelled_timer_does_not_hold_completion_back(
    app: Any, start: Any, start_of_time: Any
) -> None:
    add_echo(app)

    @app.orchestration_trigger(context_name="context")
    def race(context: Context) -> Any:
        timer = context.create_timer(context.current_utc_datetime + timedelta(seconds=2))
        yield context.task_any([timer, context.call_activity("echo", 1)])
        timer.cancel()
        return (yield context.call_activity("echo", "after"))

    host = await start(app)
    assert (await host.run("race")).output == "after"
    assert host.clock.now() == start_of_time


async def test_a_timer_longer_than_six_days_fires_on_time(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def long(context: Context) -> Any:
        before = context.current_utc_datetime
        yield context.create_timer(before + timedelta(days=20))
        return (context.current_utc_datetime - before).days

    host = await start(app)
    assert (await host.run("long")).output == 20


async def test_a_timer_of_the_past_fires_at_once(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def late(context: Context) -> Any:
        yield context.create_timer(context.current_utc_datetime - timedelta(hours=1))
        return "fired"

    host = await start(app)
    assert (await host.run("late")).output == "fired"


async def test_sub_orchestrations_return_their_output_and_know_their_parent(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def parent(context: Context) -> Any:
        named = yield context.call_sub_orchestrator("child", {"n": 1}, "kid")
        unnamed = yield context.call_sub_orchestrator("child", {"n": 2})
        return [named, unnamed]

    @app.orchestration_trigger(context_name="context")
    def child(context: Context) -> Any:
        return [context.get_input()["n"], context.parent_instance_id]

    host = await start(app)
    assert (await host.run("parent", instance_id="p")).output == [[1, "p"], [2, "p"]]
    assert (await host.status("kid")).output == [1, "p"]


async def test_a_failing_sub_orchestration_raises_in_the_parent(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def parent(context: Context) -> Any:
        try:
            yield context.call_sub_orchestrator("child")
        except Exception as error:
            return str(error)

    @app.orchestration_trigger(context_name="context")
    def child(context: Context) -> Any:
        raise RuntimeError("no")

    host = await start(app)
    assert (await host.run("parent")).output.startswith("Orchestrator function 'child' failed: no")


async def test_a_retried_sub_orchestration_runs_again(app: Any, start: Any) -> None:
    runs: list[str] = []

    @app.orchestration_trigger(context_name="context")
    def parent(context: Context) -> Any:
        retry = df.RetryOptions(1000, 3)
        return (yield context.call_sub_orchestrator_with_retry("child", retry, 7, "kid"))

    @app.orchestration_trigger(context_name="context")
    def child(context: Context) -> Any:
        if not context.is_replaying:
            runs.append(context.instance_id)
        if len(runs) < 3:
            raise RuntimeError("not yet")
        return context.get_input()

    host = await start(app)
    assert (await host.run("parent")).output == 7
    assert runs == ["kid"] * 3


async def test_terminating_a_sub_orchestration_fails_the_call(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def parent(context: Context) -> Any:
        try:
            yield context.call_sub_orchestrator("child", None, "kid")
        except Exception as error:
            return str(error).partition(" \n")[0]

    @app.orchestration_trigger(context_name="context")
    def child(context: Context) -> Any:
        yield context.wait_for_external_event("never")

    host = await start(app)
    await host.client.start_new("parent", "p")
    await host.settled()
    await host.client.terminate("kid", "stopped by hand")
    assert (await host.finished("p")).output == "stopped by hand"


async def test_the_same_activity_task_may_be_yielded_twice(app: Any, start: Any) -> None:
    add_echo(app)

    @app.orchestration_trigger(context_name="context")
    def twice(context: Context) -> Any:
        task = context.call_activity("echo", 5)
        first = yield task
        second = yield task
        return first + second

    host = await start(app)
    assert (await host.run("twice")).output == 10


async def test_an_orchestrator_without_yield_completes(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def plain(context: Context) -> Any:
        return {"got": context.get_input()}

    host = await start(app)
    assert (await host.run("plain", [1, 2])).output == {"got": [1, 2]}


async def test_plain_siblings_scheduled_beside_an_open_call_keep_their_ids(app: Any, start: Any) -> None:
    add_echo(app)

    @app.orchestration_trigger(context_name="context")
    def early(context: Context) -> Any:
        a, b = context.call_activity("echo", "a"), context.call_activity("echo", "b")
        first = yield context.task_any([a, b])
        third = yield context.call_activity("echo", "c")
        rest = yield context.task_all([a, b])
        return [first.result in ("a", "b"), third, rest]

    host = await start(app)
    assert (await host.run("early")).output == [True, "c", ["a", "b"]]
