"""kill -9 of a host, and what the next one finds with ``--azure-delays``: as recorded on Functions host 4.1037.

Recorded (``tests/contract/recordings/durable/kill-host.json``; for blobs with Storage 5.3.10): what had not begun runs
at once after the start, activities under way run again five minutes after the kill, blobs ten. Only the next host's
time is virtual.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from functions_host.clock import VirtualClock
from functions_host.testing import RunningApp, start_app

RECORDED = Path(__file__).parents[2] / "contract" / "recordings" / "durable" / "kill-host.json"
APP = """
import os, pathlib, time
import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
here = pathlib.Path(__file__).parent

def works(name):
    with (here / "begun").open("a") as notes:
        notes.write(f"{name}\\n")
    while not (here / "go").exists():
        time.sleep(0.01)

@app.activity_trigger(input_name="i")
def nap(i: int) -> int:
    works(i)
    return i

@app.orchestration_trigger(context_name="context")
def naps_fan(context):
    return (yield context.task_all([context.call_activity("nap", i) for i in range(12)]))

if os.environ.get("CONTAINER"):
    @app.blob_trigger(arg_name="blob", path="%CONTAINER%/{name}", connection="IMAGES")
    def on_slow(blob: func.InputStream):
        works(blob.name.split("/")[-1])
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "function_app.py").write_text(APP)
    extensions = {
        "durableTask": {"maxConcurrentActivityFunctions": 4},
        "blobs": {"maxDegreeOfParallelism": 8},
    }
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0", "extensions": extensions}))
    return tmp_path


def begun(root: Path) -> list[str]:
    notes = root / "begun"
    return notes.read_text().split() if notes.exists() else []


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def next_host(root: Path) -> Iterator[Callable[[dict[str, str]], RunningApp]]:
    running: list[RunningApp] = []

    def start(settings: dict[str, str]) -> RunningApp:
        (root / "go").touch()
        clock = VirtualClock(datetime.now(UTC))
        state = root / ".functions_host"
        running.append(start_app(root, settings=settings, state=state, clock=clock, azure_delays=True))
        return running[-1]

    yield start
    for app in running:
        app.close()


def test_activities_under_way_run_again_after_five_minutes(
    host: Callable[..., Any], root: Path, next_host: Callable[[dict[str, str]], RunningApp]
) -> None:
    recorded = {row["label"]: row for row in json.loads(RECORDED.read_text())}
    timeline = recorded[
        "k-host: seconds since the new start, state, activities that ended (of all in the notes file)"
    ]
    [*_, before_lease, (completed_at, completed, _)] = timeline["value"]
    assert (before_lease[1], completed) == ("Running", "Completed")
    assert 280 < completed_at < 300

    first = host("--azure-delays").ready()
    assert first.get("/runtime/webhooks/durabletask/orchestrators/naps_fan/k-host", "POST", b"")[0] == 202
    wait_for(lambda: len(begun(root)) == 4)
    first.process.kill()
    first.process.wait(10)
    under_way = begun(root)

    app = next_host({})
    app.wait_until_idle()
    assert len(begun(root)) == 12, "the eight that had not begun, at once"
    app.advance(timedelta(seconds=280))
    app.wait_until_idle()
    assert app.orchestrations.status("k-host").runtime_status == "Running"  # type: ignore[union-attr]
    app.advance(timedelta(seconds=20))
    assert app.orchestrations.wait("k-host").output == list(range(12))
    assert sorted(begun(root)[12:]) == sorted(under_way)


@pytest.mark.azurite
def test_blobs_under_way_are_delivered_again_after_ten_minutes(
    host: Callable[..., Any],
    root: Path,
    next_host: Callable[[dict[str, str]], RunningApp],
    azurite: Any,
) -> None:
    container = f"c{uuid.uuid4().hex}"
    with BlobServiceClient.from_connection_string(
        azurite.connection_string, api_version="2024-11-04"
    ) as service:
        client = service.create_container(container)
        for number in range(12):
            client.upload_blob(f"killed-{number}", b"s")
    settings = {
        "IMAGES": azurite.connection_string, "CONTAINER": container, "FUNCTIONS_HOST_BLOB_POLL_SECONDS": "0.1",
        "PYTHON_THREADPOOL_THREAD_COUNT": "8",
    }  # fmt: skip
    first = host("--azure-delays", environment=settings).ready()
    wait_for(lambda: len(begun(root)) == 8)
    first.process.kill()
    first.process.wait(10)
    under_way = begun(root)

    app = next_host(settings)
    app.wait_until(lambda: len(begun(root)) == 12)
    app.wait_until_idle()
    app.advance(timedelta(seconds=570))
    app.scan_blobs()
    app.wait_until_idle()
    assert len(begun(root)) == 12, "neither a scan nor a start shows a blob that is hidden"
    app.advance(timedelta(seconds=30))
    app.wait_until(lambda: len(begun(root)) == 20)
    assert sorted(begun(root)[12:]) == sorted(under_way)
