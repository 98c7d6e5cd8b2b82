"""A worker that crashes, told to an app as Microsoft's host does.

Recorded on Functions host 4.1037 / DurableTask 3.19.0, in ``tests/contract/recordings/durable``: ``kill.json`` (worker
killed under an HTTP request and a fan-out of eight, four at once), ``kill-host.json`` (killed until the host gives up).
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from functions_host.clock import VirtualClock
from functions_host.testing import Response, RunningApp

AppOf = Callable[..., RunningApp]
RECORDINGS = Path(__file__).parents[2] / "recordings" / "durable"
FOUR_AT_ONCE = {"extensions": {"durableTask": {"maxConcurrentActivityFunctions": 4}}}

NAPS = """
begun, ended, go = [], [], threading.Event()

@app.route(route="notes")
async def notes(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps({"begun": begun, "ended": ended}))

@app.route(route="go")
async def let_go(req: func.HttpRequest) -> str:
    go.set()
    return "gone"

@app.route(route="slow")
def slow(req: func.HttpRequest) -> str:
    begun.append("slow")
    go.wait(30)
    return "slow"

@app.route(route="async")
async def async_slow(req: func.HttpRequest) -> str:
    begun.append("async")
    await asyncio.sleep(30)
    return "slow"

@app.activity_trigger(input_name="i")
def nap(i: int) -> int:
    begun.append(i)
    go.wait(30)
    ended.append(i)
    return i

@app.orchestration_trigger(context_name="context")
def naps_fan(context):
    tasks = [context.call_activity("nap", i) for i in range(8)]
    outcomes = []
    try:
        yield context.task_all(tasks)
    except Exception:
        pass  # the recorded one ended with the first; this one tells of all
    for task in tasks:
        try:
            outcomes.append((yield task))
        except Exception as error:
            outcomes.append(str(error))
    return outcomes

@app.orchestration_trigger(context_name="context")
def thinks_slowly(context):
    begun.append("orchestrator")
    go.wait(30)
    yield context.call_activity("nap", 1)
"""


def recorded(file: str) -> dict[str, Any]:
    return {row["label"]: row for row in json.loads((RECORDINGS / file).read_text())}


def in_background(work: Callable[[], Response]) -> tuple[threading.Thread, list[Response]]:
    answers: list[Response] = []
    thread = threading.Thread(target=lambda: answers.append(work()))
    thread.start()
    return thread, answers


def begun(app: RunningApp) -> list[Any]:
    return list(app.get("/api/notes").json()["begun"])


def awake(app: RunningApp) -> RunningApp:
    """The app once its new worker answers; what is asked before fails or waits."""
    app.wait_until(lambda: app.get("/api/notes").status == 200)
    return app


def placed(text: str) -> str:
    """Our interpreter, in the words of the recording."""
    return text.replace(json.dumps(sys.executable)[1:-1], "DIR/python")


def test_what_the_worker_ran_fails_in_the_recorded_words_and_the_rest_waits_for_the_new_one(
    app_of: AppOf,
) -> None:
    told = recorded("kill.json")
    app = app_of(NAPS, host=FOUR_AT_ONCE)
    under_way = [in_background(lambda path=path: app.get(path)) for path in ("/api/slow", "/api/async")]  # type: ignore[misc]
    app.orchestrations.start("naps_fan", None, "k-worker")
    app.wait_until(lambda: len(begun(app)) == 6)
    doomed = {i for i in begun(app) if isinstance(i, int)}

    app.crash_worker(unnoticed_seconds=1.0, away_seconds=1.3)
    right_after = app.get("/api/notes")
    for thread, answers in under_way:
        thread.join(10)
        [answer] = answers
        for row in (told["a request right after"], told["the request that was under way"]):
            for each in (answer, right_after):
                assert (each.status, each.text) == (row["value"]["status"], row["value"]["body"])
    assert app.get("/api/go").text == "gone", "waits for the new worker, and reaches it"

    outcomes = app.orchestrations.wait("k-worker").output
    assert {i for i in range(8) if outcomes[i] != i} == doomed
    assert begun(app).count(min(doomed)) == 1, "not delivered again"
    events = app.orchestrations.status("k-worker", history=True).history  # type: ignore[union-attr]
    failed = [event for event in events if event["EventType"] == "TaskFailed"]
    theirs = [
        event
        for event in told["history k-worker"]["answer"]["body"]["historyEvents"]
        if event["EventType"] == "TaskFailed"
    ]
    assert len(failed) == len(theirs) == 4
    for ours, real in zip(failed, theirs, strict=True):
        assert (placed(ours["Reason"]), placed(ours["Details"])) == (real["Reason"], real["Details"])


def test_an_orchestrator_under_way_fails_its_instance(app_of: AppOf) -> None:
    """Not recorded: read from the extension's code, where an orchestrator's failed invocation is its failure."""
    app = app_of(NAPS)
    app.orchestrations.start("thinks_slowly", None, "k-thinks")
    app.wait_until(lambda: "orchestrator" in begun(app))
    app.crash_worker()
    status = app.orchestrations.wait("k-thinks")
    assert status.runtime_status == "Failed"
    assert placed(status.output).endswith("failed: DIR/python exited with code 137 (0x89)")
    awake(app).get("/api/go")


def test_an_activity_that_ended_before_the_crash_stays_done(app_of: AppOf) -> None:
    app = app_of(NAPS)
    app.get("/api/go")
    app.orchestrations.start("naps_fan", None, "k-before")
    assert app.orchestrations.wait("k-before").output == list(range(8))
    app.crash_worker()
    awake(app).orchestrations.start("naps_fan", None, "k-after")
    assert app.orchestrations.wait("k-after").output == list(range(8))


def test_the_third_crash_in_a_row_ends_the_host_in_the_recorded_words(
    app_of: AppOf, caplog: pytest.LogCaptureFixture
) -> None:
    told = recorded("kill-host.json")
    crashes = told["worker killed again and again"]["value"]
    assert crashes[-1][2] == "the host ended"
    app = app_of(NAPS, clock=VirtualClock())
    with caplog.at_level(logging.ERROR):
        for _ in crashes[:-1]:
            awake(app).crash_worker()
    [last_words] = [line for line in told["logged then (crashes)"]["value"] if "recycling" in line]
    assert last_words.partition("[0] ")[2] in caplog.messages
    with pytest.raises(RuntimeError, match="closed"):
        app.get("/api/notes")


def test_crashes_far_apart_do_not_end_the_host(app_of: AppOf) -> None:
    app = app_of(NAPS, clock=VirtualClock())
    for _ in range(4):
        app.crash_worker()
        awake(app).advance(timedelta(minutes=31))


BLOBS = """
seen, gate = [], []

@app.route(route="seen")
async def told(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(seen))

@app.blob_trigger(arg_name="blob", path="%CONTAINER%/{name}", connection="IMAGES")
async def works(blob: func.InputStream):
    seen.append(blob.name)
    if len(seen) == 1:
        await asyncio.sleep(60)
"""


@pytest.mark.azurite
def test_a_blob_under_way_counts_as_a_failed_try_and_comes_again(app_of: AppOf, azurite: Any) -> None:
    name = f"c{uuid.uuid4().hex}"
    settings = {
        "IMAGES": azurite.connection_string, "CONTAINER": name, "FUNCTIONS_HOST_BLOB_POLL_SECONDS": "0.1",
    }  # fmt: skip
    with BlobServiceClient.from_connection_string(
        azurite.connection_string, api_version="2024-11-04"
    ) as service:
        service.create_container(name).upload_blob("x", b"x")
    host = {"extensions": {"blobs": {"poisonBlobThreshold": 2}}}
    app = app_of(BLOBS, settings=settings, host=host)
    app.wait_until(lambda: len(app.get("/api/seen").json()) == 1)
    app.crash_worker()
    app.wait_until_idle()
    app.wait_until(lambda: app.get("/api/seen").status == 200)
    assert app.get("/api/seen").json() == [f"{name}/x"] * 2
