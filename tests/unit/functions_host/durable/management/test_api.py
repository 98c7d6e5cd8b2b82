"""The management API over plain HTTP, row by row of contract B6 and B7."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import azure.durable_functions as df
import azure.functions as func
import pytest
from azure.durable_functions import DurableOrchestrationContext as Context
from azure.durable_functions.models.OrchestrationRuntimeStatus import OrchestrationRuntimeStatus

from functions_host.clock import VirtualClock


@pytest.fixture
def orchestrations(app: df.DFApp) -> df.DFApp:
    @app.orchestration_trigger(context_name="context")
    def done(context: Context) -> Any:
        yield context.call_activity("echo", context.get_input())
        return context.get_input()

    @app.activity_trigger(input_name="value")
    def echo(value: Any) -> Any:
        return value

    @app.orchestration_trigger(context_name="context")
    def waits(context: Context) -> Any:
        context.set_custom_status("waiting")
        return (yield context.wait_for_external_event("Go"))

    @app.orchestration_trigger(context_name="context")
    def fails(context: Context) -> Any:
        raise RuntimeError("on purpose")

    @app.orchestration_trigger(context_name="context")
    def versioned(context: Context) -> Any:
        return context.version

    return app


@pytest.fixture
async def host(orchestrations: df.DFApp, start: Any) -> Any:
    return await start(orchestrations, clock=VirtualClock())


@pytest.fixture
async def web() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_start_answers_202_with_urls_that_work(host: Any, web: Any) -> None:
    async with web.post(f"{host.rpc}orchestrators/done/d1", json="5") as answer:
        body = await answer.json()
        assert answer.status == 202
        assert answer.headers["Retry-After"] == "10"
        assert answer.headers["Location"] == body["statusQueryGetUri"]
    assert body["id"] == "d1"
    assert set(body) == {
        "id",
        "statusQueryGetUri",
        "sendEventPostUri",
        "terminatePostUri",
        "rewindPostUri",
        "purgeHistoryDeleteUri",
        "restartPostUri",
        "suspendPostUri",
        "resumePostUri",
    }
    await host.finished("d1")
    async with web.get(body["statusQueryGetUri"]) as answer:
        assert (answer.status, (await answer.json())["runtimeStatus"]) == (200, "Completed")


async def test_start_can_wait_for_the_end(host: Any, web: Any) -> None:
    async with web.post(
        f"{host.rpc}orchestrators/done?timeout=10&pollingInterval=1", json='{"n": 1}'
    ) as answer:
        assert (answer.status, await answer.json()) == (200, {"n": 1})
    async with web.post(f"{host.rpc}orchestrators/fails?timeout=10&pollingInterval=1") as answer:
        assert (answer.status, (await answer.json())["runtimeStatus"]) == (500, "Failed")
    async with web.post(f"{host.rpc}orchestrators/waits?timeout=0.05&pollingInterval=1") as answer:
        assert answer.status == 202


async def test_start_of_an_unknown_orchestrator_names_it_and_the_known_ones(host: Any, web: Any) -> None:
    async with web.post(f"{host.rpc}orchestrators/nowhere") as answer:
        body = await answer.json()
        assert answer.status == 400
    assert set(body) == {"Message", "ExceptionMessage", "ExceptionType", "StackTrace"}
    assert "The function 'nowhere' doesn't exist" in body["ExceptionMessage"]
    assert "done" in body["ExceptionMessage"]
    with pytest.raises(Exception, match="The function 'nowhere' doesn't exist"):
        await host.client.start_new("nowhere")


@pytest.mark.parametrize("bad", ["@entity", "a%2Fb", "a%3Fb", "a%23b", "a%5Cb", "a%01b", "x" * 257])
async def test_start_with_a_forbidden_id_is_400(host: Any, web: Any, bad: str) -> None:
    from yarl import URL

    async with web.post(URL(f"{host.rpc}orchestrators/done/{bad}", encoded=True)) as answer:
        assert answer.status == 400
    assert await host.client.get_status_all() == []


async def test_start_with_bad_json_is_400(host: Any, web: Any) -> None:
    async with web.post(f"{host.rpc}orchestrators/done", data="{nope") as answer:
        assert answer.status == 400
        assert (await answer.json())["ExceptionMessage"] == "Invalid JSON content"
    async with web.post(f"{host.rpc}orchestrators/done", data=b'"\xff"') as answer:
        assert (answer.status, (await answer.json())["ExceptionMessage"]) == (400, "Invalid JSON content")
    assert await host.client.get_status_all() == []


async def test_start_of_a_live_id_is_500_with_the_reason(host: Any, web: Any) -> None:
    await host.client.start_new("waits", "w")
    await host.settled()
    async with web.post(f"{host.rpc}orchestrators/waits/w") as answer:
        assert answer.status == 500
        message = (await answer.json())["ExceptionMessage"]
    assert message == "An Orchestration instance with the status Running already exists."


async def test_status_of_a_running_instance_is_202_and_of_a_finished_one_200(host: Any, web: Any) -> None:
    await host.client.start_new("waits", "w", {"a": 1})
    await host.settled()
    async with web.get(f"{host.rpc}instances/w") as answer:
        assert answer.status == 202
        assert answer.headers["Retry-After"] == "5"
        assert answer.headers["Location"].endswith("/instances/w")
        assert await answer.json() == {
            "name": "waits",
            "instanceId": "w",
            "runtimeStatus": "Running",
            "input": '{"a": 1}',
            "customStatus": "waiting",
            "output": None,
            "createdTime": "2026-01-01T00:00:00Z",
            "lastUpdatedTime": "2026-01-01T00:00:00Z",
        }
    await host.client.terminate("w", "over")
    await host.finished("w")
    async with web.get(f"{host.rpc}instances/w?showInput=false") as answer:
        assert answer.status == 200
        body = await answer.json()
    assert (body["runtimeStatus"], body["input"], body["output"]) == ("Terminated", None, "over")


async def test_status_of_an_unknown_instance_is_404_with_an_empty_body(host: Any, web: Any) -> None:
    async with web.get(f"{host.rpc}instances/nobody") as answer:
        assert (answer.status, await answer.read()) == (404, b"")
    assert not await host.status("nobody")


async def test_a_failure_is_200_unless_500_is_asked_for(host: Any, web: Any) -> None:
    await host.run("fails", instance_id="f")
    async with web.get(f"{host.rpc}instances/f") as answer:
        assert answer.status == 200
    async with web.get(f"{host.rpc}instances/f?returnInternalServerErrorOnFailure=true") as answer:
        assert answer.status == 500


async def test_history_rows_are_rewritten_for_readers(host: Any) -> None:
    await host.run("done", {"n": 1}, "d")
    started, answered, completed = await host.history("d", show_history_output=True, show_input=True)
    assert started["FunctionName"] == "done"
    assert not {"Name", "EventId", "IsPlayed", "OrchestrationInstance", "Version"} & set(started)
    assert answered["EventType"] == "TaskCompleted"
    assert answered["FunctionName"] == "echo"
    assert answered["ScheduledTime"] == "2026-01-01T00:00:00.0000000Z"
    assert answered["Result"] == {"n": 1}
    assert completed["OrchestrationStatus"] == "Completed"
    assert completed["Result"] == {"n": 1}


async def test_history_hides_outputs_and_inputs_unless_asked_for(host: Any, web: Any) -> None:
    await host.run("done", {"n": 1}, "d")
    async with web.get(f"{host.rpc}instances/d?showHistory=true&showInput=false") as answer:
        rows = (await answer.json())["historyEvents"]
    assert not any({"Input", "Result"} & set(row) for row in rows)
    async with web.get(f"{host.rpc}instances/d") as answer:
        assert "historyEvents" not in await answer.json()


async def test_instances_are_listed_by_status_prefix_and_time(host: Any) -> None:
    await host.run("done", 1, "a-1")
    host.advance(hours=1)
    await host.run("fails", 1, "a-2")
    await host.client.start_new("waits", "b-1")
    await host.settled()

    async def ids(**conditions: Any) -> set[str]:
        return {status.instance_id for status in await host.client.get_status_by(**conditions)}

    status = OrchestrationRuntimeStatus
    assert await ids(runtime_status=[status.Failed, status.Running]) == {"a-2", "b-1"}
    assert await ids(instance_id_prefix="a-") == {"a-1", "a-2"}
    half_past = datetime(2026, 1, 1, 0, 30)
    assert await ids(created_time_from=half_past) == {"a-2", "b-1"}
    assert await ids(created_time_to=half_past) == {"a-1"}
    assert await ids(created_time_from=half_past, instance_id_prefix="b") == {"b-1"}


async def test_listing_can_be_paged_with_a_token(host: Any, web: Any) -> None:
    for number in range(7):
        await host.run("done", number, f"i{number}")
        host.advance(seconds=1)
    seen: list[str] = []
    headers: dict[str, str] = {}
    pages = 0
    while True:
        async with web.get(f"{host.rpc}instances/?top=3", headers=headers) as answer:
            seen += [row["instanceId"] for row in await answer.json()]
            pages += 1
            token = answer.headers.get("x-ms-continuation-token")
        if not token:
            break
        headers = {"x-ms-continuation-token": token}
    assert (seen, pages) == ([f"i{n}" for n in range(7)], 3)
    async with web.get(f"{host.rpc}instances/", headers={"x-ms-continuation-token": "?"}) as answer:
        assert answer.status == 400


async def test_a_listing_without_top_is_a_page_of_100_as_in_azure(host: Any, web: Any) -> None:
    for number in range(101):
        await host.client.start_new("done", f"i{number:03}", number)
    await host.settled()
    async with web.get(f"{host.rpc}instances/") as answer:
        rows, token = await answer.json(), answer.headers["x-ms-continuation-token"]
    assert [row["instanceId"] for row in rows] == [f"i{n:03}" for n in range(100)]
    async with web.get(f"{host.rpc}instances/", headers={"x-ms-continuation-token": token}) as answer:
        assert [row["instanceId"] for row in await answer.json()] == ["i100"]
        assert "x-ms-continuation-token" not in answer.headers
    assert len(await host.client.get_status_all()) == 100  # SDK 1.x does not ask for the next page


async def test_a_listing_shows_inputs_unless_told_otherwise(host: Any, web: Any) -> None:
    await host.run("done", {"n": 1}, "d")
    async with web.get(f"{host.rpc}instances/") as answer:
        assert [row["input"] for row in await answer.json()] == ['{"n": 1}']
    async with web.get(f"{host.rpc}instances/?showInput=False") as answer:
        assert [row["input"] for row in await answer.json()] == [None]


@pytest.mark.parametrize("operation", ["terminate", "suspend", "resume", "rewind", "raiseEvent/Go"])
async def test_operations_on_an_unknown_instance_are_404(host: Any, web: Any, operation: str) -> None:
    async with web.post(f"{host.rpc}instances/nobody/{operation}?reason=x", json=1) as answer:
        assert (answer.status, await answer.read()) == (404, b"")


@pytest.mark.parametrize("operation", ["terminate", "suspend", "resume", "rewind", "raiseEvent/Go"])
async def test_operations_on_a_finished_instance_are_410(host: Any, web: Any, operation: str) -> None:
    await host.run("done", 1, "d")
    async with web.post(f"{host.rpc}instances/d/{operation}?reason=x", json=1) as answer:
        assert answer.status == 410


@pytest.mark.parametrize("operation", ["terminate", "suspend"])
async def test_operations_on_a_living_instance_are_202(host: Any, web: Any, operation: str) -> None:
    await host.client.start_new("waits", "w")
    async with web.post(f"{host.rpc}instances/w/{operation}?reason=x") as answer:
        assert (answer.status, await answer.read()) == (202, b"")


async def test_rewind_of_a_running_instance_is_500(host: Any, web: Any) -> None:
    await host.client.start_new("waits", "w")
    async with web.post(f"{host.rpc}instances/w/rewind?reason=x") as answer:
        assert answer.status == 500


async def test_events_must_be_json(host: Any, web: Any) -> None:
    await host.client.start_new("waits", "w")
    async with web.post(f"{host.rpc}instances/w/raiseEvent/Go", data="x=1") as answer:
        assert answer.status == 400
    as_json = {"Content-Type": "application/json"}
    async with web.post(f"{host.rpc}instances/w/raiseEvent/Go", data="{nope", headers=as_json) as answer:
        assert answer.status == 400
    async with web.post(
        f"{host.rpc}instances/w/raiseEvent/Go?taskHub=TestHubName&connection=Storage", json=[1]
    ) as answer:
        assert answer.status == 202
    assert (await host.finished("w")).output == [1]


async def test_purge_of_one_says_how_many_went(host: Any, web: Any) -> None:
    await host.client.start_new("waits", "w")
    await host.run("done", 1, "d")
    for instance_id, expected in (
        ("w", (200, {"instancesDeleted": 0})),
        ("d", (200, {"instancesDeleted": 1})),
    ):
        async with web.delete(f"{host.rpc}instances/{instance_id}") as answer:
            assert (answer.status, await answer.json()) == expected
    async with web.delete(f"{host.rpc}instances/d") as answer:
        assert (answer.status, await answer.read()) == (404, b"")


async def test_purge_by_filter_needs_a_start_time(host: Any, web: Any) -> None:
    async with web.delete(f"{host.rpc}instances/") as answer:
        assert answer.status == 400
    async with web.delete(f"{host.rpc}instances/?createdTimeFrom=2026-01-01T00:00:00.000000Z") as answer:
        assert answer.status == 404
    await host.run("done", 1, "d")
    async with web.delete(f"{host.rpc}instances/?createdTimeFrom=2026-01-01T00:00:00.000000Z") as answer:
        assert (answer.status, await answer.json()) == (200, {"instancesDeleted": 1})


async def test_entity_routes_say_that_entities_are_not_supported(host: Any, web: Any) -> None:
    async with web.post(f"{host.rpc}entities/counter/a?op=add", json=1) as answer:
        assert answer.status == 501
        assert "not supported" in (await answer.json())["ExceptionMessage"]


async def test_an_unknown_operation_is_404(host: Any, web: Any) -> None:
    async with web.post(f"{host.rpc}instances/x/explode") as answer:
        assert answer.status == 404


async def test_the_same_routes_answer_under_the_public_webhook_path(host: Any, web: Any) -> None:
    base = f"{host.origin}/runtime/webhooks/durabletask"
    async with web.post(f"{base}/orchestrators/done/p?code=secret&taskHub=TestHubName", json="1") as answer:
        body = await answer.json()
    assert body["terminatePostUri"] == (
        f"{base}/instances/p/terminate?reason={{text}}&code=secret&taskHub=TestHubName"
    )
    await host.finished("p")
    async with web.get(body["statusQueryGetUri"]) as answer:
        assert answer.status == 200


def test_client_binding_has_every_field_the_sdk_needs(host: Any) -> None:
    datum = json.loads(host.engine.client_binding("http://127.0.0.1:7071", "http://h:1/durabletask", "k/1"))
    assert datum["taskHubName"] == "TestHubName"
    assert datum["rpcBaseUrl"] == "http://h:1/durabletask/"
    assert datum["baseUrl"] == "http://127.0.0.1:7071/runtime/webhooks/durabletask"
    assert datum["requiredQueryStringParameters"] == "taskHub=TestHubName&connection=Storage&code=k%2F1"
    assert set(datum["creationUrls"]) == {"createNewInstancePostUri", "createAndWaitOnNewInstancePostUri"}
    assert datum["managementUrls"]["id"] == "INSTANCEID"
    assert datum["managementUrls"]["sendEventPostUri"] == (
        f"{datum['baseUrl']}/instances/INSTANCEID/raiseEvent/{{eventName}}"
        f"?{datum['requiredQueryStringParameters']}"
    )


async def test_check_status_response_points_at_the_requests_origin(host: Any, web: Any) -> None:
    await host.run("done", 1, "d")
    request = func.HttpRequest("GET", "https://front.example/api/x", body=b"")
    answer = host.client.create_check_status_response(request, "d")
    assert answer.status_code == 202
    assert answer.headers["Location"].startswith(
        "https://front.example/runtime/webhooks/durabletask/instances/d?"
    )
    waited = await host.client.wait_for_completion_or_create_check_status_response(request, "d", 2000, 100)
    assert (waited.status_code, waited.get_body()) == (200, b"1")


async def test_waiting_for_completion_words_each_end_as_documented(host: Any) -> None:
    await host.run("done", 5, "completed")
    await host.run("fails", instance_id="failed")
    for instance_id in ("terminated", "running"):
        await host.client.start_new("waits", instance_id)
    await host.client.terminate("terminated", "enough")
    await host.finished("terminated")
    request = func.HttpRequest("GET", "http://front.example/api/x", body=b"")
    answers = {}
    for instance_id in ("completed", "failed", "terminated", "running"):
        answer = await host.client.wait_for_completion_or_create_check_status_response(
            request, instance_id, 200, 100
        )
        answers[instance_id] = (answer.status_code, json.loads(answer.get_body()))
    assert answers["completed"] == (200, 5)
    assert (answers["failed"][0], answers["failed"][1]["runtimeStatus"]) == (500, "Failed")
    assert (answers["terminated"][0], answers["terminated"][1]["runtimeStatus"]) == (200, "Terminated")
    assert (answers["running"][0], answers["running"][1]["id"]) == (202, "running")


async def test_a_list_posted_as_input_is_what_the_sdk_cannot_read(host: Any, web: Any) -> None:
    """Contract B5: SDK 1.x turns posted objects into text again, but no other JSON."""
    for body, expected in (('{"n": 1}', ("Completed", {"n": 1})), ("[1]", ("Failed", None))):
        async with web.post(f"{host.rpc}orchestrators/done", data=body) as answer:
            status = await host.finished((await answer.json())["id"])
        assert status.runtime_status.name == expected[0]
        assert expected[1] is None or status.output == expected[1]


async def test_the_version_is_the_one_asked_for_or_the_hubs_default(orchestrations: Any, start: Any) -> None:
    host = await start(orchestrations, host_json={"defaultVersion": "7"})
    assert (await host.run("versioned")).output == "7"
    asked = await host.client.start_new("versioned", version="9")
    assert (await host.finished(asked)).output == "9"


async def test_times_in_the_status_move_with_the_clock(host: Any) -> None:
    await host.client.start_new("waits", "w")
    await host.settled()
    host.advance(minutes=1)
    await host.client.raise_event("w", "Go", 1)
    status = await host.finished("w")
    assert status.last_updated_time - status.created_time == timedelta(minutes=1)


async def test_questions_by_filter_count_the_rows_that_an_azure_table_would_read(host: Any, web: Any) -> None:
    """Its only index is the instance id: a filter by status reads everybody, an id prefix its range, an id one row."""
    for name in ("a1", "a2", "b1"):
        await host.client.start_new("waits", name)

    async def read_by(question: Any) -> int:
        before = host.engine.table_rows_read
        await question
        return int(host.engine.table_rows_read - before)

    failed = [OrchestrationRuntimeStatus.Failed]
    assert await read_by(host.client.get_status("a1")) == 1
    assert await read_by(host.client.get_status_by(runtime_status=failed)) == 3
    assert await read_by(host.client.get_status_by(instance_id_prefix="a", runtime_status=failed)) == 2
    assert await read_by(host.client.get_status_all()) == 3
    assert await read_by(host.client.purge_instance_history("b1")) == 1
    assert await read_by(host.client.purge_instance_history_by(datetime(2020, 1, 1), None, failed)) == 3
