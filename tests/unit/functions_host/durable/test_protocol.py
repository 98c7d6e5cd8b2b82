"""Contract B1 to B3 and B5: what an orchestrator function is given, and how its answers are read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import pytest
from azure.durable_functions import DurableOrchestrationContext as Context

from functions_host.durable.replay.actions import ProtocolError, parse_state, state_from_failure


def add_pair(app: df.DFApp) -> None:
    @app.orchestration_trigger(context_name="context")
    def pair(context: Context) -> Any:
        first = yield context.call_activity("echo", "a")
        yield context.create_timer(context.current_utc_datetime + timedelta(seconds=1))
        return first

    @app.activity_trigger(input_name="value")
    def echo(value: Any) -> Any:
        return value


async def test_the_first_call_has_the_documented_shape(app: Any, start: Any) -> None:
    add_pair(app)
    host = await start(app)
    await host.run("pair", {"id": 1}, "i1")
    first = json.loads(host.catalog.contexts[0])
    opening, started = first.pop("history")
    assert opening == {
        "EventType": 12,
        "EventId": -1,
        "IsPlayed": False,
        "Timestamp": "2026-01-01T00:00:00.0000000Z",
    }
    assert started["EventType"] == 0
    assert (started["Name"], started["Version"], started["Input"]) == ("pair", "", '"{\\"id\\": 1}"')
    assert started["OrchestrationInstance"]["InstanceId"] == "i1"
    assert first == {
        "input": '{"id": 1}',
        "instanceId": "i1",
        "isReplaying": False,
        "parentInstanceId": None,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "longRunningTimerIntervalDuration": "3.00:00:00",
        "maximumShortTimerDuration": "6.00:00:00",
        "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
    }


async def test_every_episode_carries_the_full_history_with_only_the_new_part_unplayed(
    app: Any, start: Any
) -> None:
    add_pair(app)
    host = await start(app)
    await host.run("pair")
    last = json.loads(host.catalog.contexts[-1])
    assert last["isReplaying"] is True
    shape = [(event["EventType"], event["EventId"], event["IsPlayed"]) for event in last["history"]]
    assert shape == [
        *[(12, -1, True), (0, -1, True), (4, 0, True), (13, -1, True)],
        *[(12, -1, True), (5, -1, True), (10, 1, True), (13, -1, True)],
        *[(12, -1, False), (11, -1, False)],
    ]


async def test_answers_carry_every_key_the_sdk_reads_without_a_default(app: Any, start: Any) -> None:
    add_pair(app)
    host = await start(app)
    await host.run("pair")
    by_type = {event["EventType"]: event for event in json.loads(host.catalog.contexts[-1])["history"]}
    assert by_type[5]["TaskScheduledId"] == 0
    assert by_type[5]["Result"] == '"a"'
    assert by_type[11]["TimerId"] == 1
    assert by_type[10]["FireAt"] == by_type[11]["FireAt"] == "2026-01-01T00:00:01.0000000Z"
    assert by_type[4]["Input"] is None


async def test_inputs_are_kept_in_history_when_the_option_says_so(app: Any, start: Any) -> None:
    add_pair(app)
    host = await start(app, host_json={"storeInputsInOrchestrationHistory": True})
    await host.run("pair")
    history = json.loads(host.catalog.contexts[-1])["history"]
    assert next(event for event in history if event["EventType"] == 4)["Input"] == '["\\"a\\""]'


async def test_without_input_the_context_holds_null(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def asks(context: Context) -> Any:
        return context.get_input() is None

    host = await start(app)
    assert (await host.run("asks")).output is True
    assert json.loads(host.catalog.contexts[0])["input"] is None


async def test_an_output_that_is_not_json_fails_the_instance(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def strange(context: Context) -> Any:
        return object()

    host = await start(app)
    status = await host.run("strange")
    assert status.runtime_status.name == "Failed"
    assert "JSON serializable" in status.output


async def test_an_exception_fails_the_instance_and_its_actions_still_count(app: Any, start: Any) -> None:
    add_pair(app)

    @app.orchestration_trigger(context_name="context")
    def breaks(context: Context) -> Any:
        yield context.call_activity("echo", "a")
        raise KeyError("what")

    host = await start(app)
    status = await host.run("breaks", instance_id="b")
    assert status.runtime_status.name == "Failed"
    assert status.output == "Orchestrator function 'breaks' failed: 'what'"
    history = await host.history("b", show_history_output=True)
    assert [row["EventType"] for row in history][-2:] == ["TaskCompleted", "ExecutionCompleted"]


async def test_an_orchestrator_that_changed_its_mind_fails_as_non_deterministic(app: Any, start: Any) -> None:
    seen: list[int] = []

    @app.orchestration_trigger(context_name="context")
    def fickle(context: Context) -> Any:
        seen.append(1)
        yield context.call_activity("echo" if len(seen) == 1 else "other", 1)
        yield context.call_activity("echo", 2)

    for name in ("echo", "other"):

        @app.function_name(name)
        @app.activity_trigger(input_name="value")
        def body(value: Any) -> Any:
            return value

    host = await start(app)
    status = await host.run("fickle")
    assert status.runtime_status.name == "Failed"
    assert "Non-Deterministic" in status.output
    assert "echo" in status.output


async def test_calling_an_unknown_activity_fails_and_names_it(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def lost(context: Context) -> Any:
        yield context.call_activity("nowhere", 1)

    host = await start(app)
    status = await host.run("lost")
    assert status.runtime_status.name == "Failed"
    assert "The function 'nowhere' doesn't exist" in status.output


async def test_calling_an_unknown_sub_orchestrator_fails_and_names_it(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def lost(context: Context) -> Any:
        yield context.call_sub_orchestrator("nowhere", 1)

    host = await start(app)
    assert "The function 'nowhere' doesn't exist" in (await host.run("lost")).output


async def test_call_http_is_refused_by_name(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def calls(context: Context) -> Any:
        yield context.call_http("GET", "http://localhost/")

    host = await start(app)
    status = await host.run("calls")
    assert status.runtime_status.name == "Failed"
    assert "call_http is not supported by this host" in status.output


async def test_entities_are_refused_by_name(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def calls(context: Context) -> Any:
        yield context.call_entity(df.EntityId("counter", "a"), "add", 1)

    @app.orchestration_trigger(context_name="context")
    def signals(context: Context) -> Any:
        context.signal_entity(df.EntityId("counter", "a"), "add", 1)
        yield context.call_activity("none", 1)

    host = await start(app)
    assert "call_entity (durable entities) is not supported" in (await host.run("calls")).output
    assert "signal_entity (durable entities) is not supported" in (await host.run("signals")).output


async def test_more_actions_than_allowed_fail_the_instance(app: Any, start: Any) -> None:
    add_pair(app)
    host = await start(app, host_json={"maxOrchestrationActions": 1})
    status = await host.run("pair")
    assert status.runtime_status.name == "Failed"
    assert "Maximum amount of orchestration actions (1)" in status.output


async def test_a_custom_status_over_16_kb_fails_the_instance(app: Any, start: Any) -> None:
    @app.orchestration_trigger(context_name="context")
    def talks(context: Context) -> Any:
        context.set_custom_status("x" * context.get_input())
        return "fine"

    host = await start(app)
    fits = 8192 - 2  # characters of two bytes each, with the quotes
    assert (await host.run("talks", fits)).output == "fine"
    status = await host.run("talks", fits + 1)
    assert status.runtime_status.name == "Failed"
    assert "16 KB" in status.output


async def test_names_of_orchestrators_and_activities_ignore_case(app: Any, start: Any) -> None:
    add_pair(app)

    @app.orchestration_trigger(context_name="context")
    def shouts(context: Context) -> Any:
        return (yield context.call_activity("ECHO", 1))

    host = await start(app)
    assert (await host.run("SHOUTS")).output == 1


def test_state_in_a_failure_is_found_after_its_label() -> None:
    state = {"isDone": False, "actions": [[]], "error": "boom", "schemaVersion": 2}
    answer = state_from_failure(f"boom\n\n$OutOfProcData$:{json.dumps(state)}")
    assert answer is not None
    assert answer.error == "boom"


@pytest.mark.parametrize("message", ["boom", "boom $OutOfProcData$:", "boom $OutOfProcData$:{nope"])
def test_a_failure_without_readable_state_is_a_plain_failure(message: str) -> None:
    assert state_from_failure(message) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "{}",
        '{"isDone": true, "actions": []}',
        '{"isDone": true, "actions": [[], []], "schemaVersion": 2}',
        '{"isDone": true, "actions": [[{"actionType": 99}]], "schemaVersion": 2}',
        '{"isDone": true, "actions": [[{"actionType": 0}]], "schemaVersion": 2}',
        '{"isDone": true, "actions": [[{"actionType": 5, "fireAt": "noon"}]], "schemaVersion": 2}',
    ],
)
def test_an_answer_outside_the_protocol_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse_state(text)


async def test_text_that_is_not_unicode_survives_as_result_and_in_failures(app: Any, start: Any) -> None:
    """A file name that is not UTF-8 reaches Python with lone surrogates."""
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")

    @app.orchestration_trigger(context_name="context")
    def odd(context: Context) -> Any:
        same = yield context.call_activity("echo", name)
        context.set_custom_status(same)
        return same

    @app.orchestration_trigger(context_name="context")
    def fails(context: Context) -> Any:
        try:
            yield context.call_activity("refuses", name)
        except Exception as error:
            raise RuntimeError(f"{name}: {error}") from error

    @app.activity_trigger(input_name="value")
    def echo(value: str) -> str:
        assert value == name
        return value

    @app.activity_trigger(input_name="value")
    def refuses(value: str) -> str:
        raise ValueError(value)

    host = await start(app)
    status = await host.run("odd")
    assert (status.output, status.custom_status) == (name, name)
    status = await host.run("fails")
    assert status.runtime_status.name == "Failed"
    assert "caf" in status.output
