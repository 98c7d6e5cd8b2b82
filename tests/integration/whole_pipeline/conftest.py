"""One run of the whole local pipeline, device to row, that several tests look at: its requests, its spans, its rows.

The agent runs first and the app after it, told by Event Grid as in Azure, so that each side's requests are known.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from functions_host.testing import start_app
from sql_migrations.cli import main as migrate
from tests.conftest import Azurite, _azurite_command, _wait_until_listening, free_port
from tests.contract.recordings.recorded import row

ROOT = Path(__file__).resolve().parents[3]
WEBHOOK = "/runtime/webhooks/blobs?functionName=Host.Functions.start_on_blob"
API_VERSION = "2025-11-05"  # known to Azurite 3.37; the SDK asks for a newer one
IMAGES, BAD = 40, 4

# 127.0.0.1 - - [date] "PUT /devstoreaccount1/img/a.png HTTP/1.1" 201 -
_LINE = re.compile(r'"([A-Z]+) (/\S*) HTTP/1\.1" (\d{3})')


@dataclass(frozen=True)
class WholeRun:
    """What was seen of it. ``traceparents`` are the agent's words, by blob name; ``secrets`` must show nowhere."""

    agent_requests: Counter[str]
    app_requests: Counter[str]
    invocation_log: list[str]
    rejected_requests: Counter[str]
    rejected_log: list[str]
    traceparents: dict[str, str]
    runs: list[dict[str, Any]]
    spans: tuple[ReadableSpan, ...]
    secrets: tuple[str, ...]


@dataclass(frozen=True)
class AccessLog:
    """``storage`` is a connection string; ``since`` gives the requests after a position, by their REST name."""

    storage: str
    path: Path

    def position(self) -> int:
        return len(self._lines())

    def since(self, position: int) -> Counter[str]:
        lines = self._lines()[position:]
        return Counter(_operation(method, path) for method, path, _ in lines if not _of_the_journal(path))

    def _lines(self) -> list[tuple[str, str, str]]:
        return _LINE.findall(self.path.read_text(encoding="utf-8", errors="replace"))


def _of_the_journal(path: str) -> bool:
    """Of the journal of started runs: by the second and by the reader, no image's (test_live_runs.py counts them)."""
    return "/img-quarantine/live/" in path or "prefix=live" in path


def _operation(method: str, path: str) -> str:
    """Name of a blob request as the REST reference (and the bill) has it."""
    path, _, query = path.partition("?")
    if "restype=container" in query:
        return {"PUT": "Create Container"}.get(
            method, "List Blobs" if "comp=list" in query else "Get Container Properties"
        )
    if "comp=" in query:
        return f"{method} {query.partition('comp=')[2].partition('&')[0]}"
    if method == "PUT" and path.split("/")[2] == "img-quarantine":
        return "Copy Blob"  # a Put Blob with another header, which the log does not show
    return {"PUT": "Put Blob", "GET": "Get Blob", "HEAD": "Get Blob Properties", "DELETE": "Delete Blob"}[
        method
    ]


@pytest.fixture(scope="session")
def counted_azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AccessLog]:
    """An Azurite of its own whose access log tells every request that the pipeline made."""
    ports = Azurite(free_port(), free_port())
    log = tmp_path_factory.mktemp("counted") / "access.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *_azurite_command(), "--inMemoryPersistence", "--disableTelemetry",
                "--blobHost", "127.0.0.1", "--blobPort", str(ports.blob_port),
                "--queueHost", "127.0.0.1", "--queuePort", str(ports.queue_port),
                "--tableHost", "127.0.0.1", "--tablePort", str(free_port()),
            ],
            stdout=output, stderr=output,
        )  # fmt: skip
        try:
            _wait_until_listening(ports, process, log)
            yield AccessLog(ports.connection_string, log)
        finally:
            process.terminate()
            process.wait(timeout=10)


@pytest.fixture(scope="session")
def whole_run(
    counted_azurite: AccessLog, tmp_path_factory: pytest.TempPathFactory, exporter: InMemorySpanExporter
) -> WholeRun:
    """Simulated device, Spark agent, Azurite, function app on the embedded host, SQLite; telemetry on."""
    azurite, folder = counted_azurite, tmp_path_factory.mktemp("whole-pipeline")
    service = BlobServiceClient.from_connection_string(azurite.storage, api_version=API_VERSION)
    container = service.create_container("img")
    service.create_container("img-quarantine")  # as infra does
    device = folder / "device"
    _local_agent("simulate", "--inbox", device / "inbox", "--manifest", folder / "truth.jsonl", "--images", IMAGES,
                 "--rate", 1000, "--seed", 1)  # fmt: skip
    begun = azurite.position()
    _local_agent("upload", "--root", device, "--checkpoint", folder / "checkpoint", "--device-id", "cam-1", "--once",
                 storage=azurite.storage)  # fmt: skip
    agent_requests = azurite.since(begun)
    blobs = {blob.name: dict(blob.metadata or {}) for blob in container.list_blobs(include=["metadata"])}
    assert len(blobs) == IMAGES

    database = f"sqlite:///{folder / 'results.db'}"
    assert migrate(["up", "--database", database]) == 0
    settings = {
        "AzureWebJobsStorage": azurite.storage, "IMAGE_STORAGE": azurite.storage, "IMAGE_CONTAINER": "img",
        "SQL_CONNECTION_STRING": database, "TASKHUB_NAME": "WholePipeline", "BLOB_TRIGGER_SOURCE": "EventGrid",
        "TELEMETRY": "provided", "SWEEP_SCHEDULE": "0 0 0 1 1 *",  # its own requests are no image's
    }  # fmt: skip
    exporter.clear()
    with start_app(ROOT, settings=settings) as app:
        begun = azurite.position()
        for name in blobs:
            app.post(WEBHOOK, [_created(azurite, name)], {"aeg-event-type": "Notification"})
        app.wait_until(lambda: app.get("/api/stats").json()["counts"]["scored"] == IMAGES, 120)
        app.wait_until_idle()
        app_requests = azurite.since(begun)
        runs = app.get(f"/api/runs?limit={IMAGES}").json()["runs"]
        log, spans = app.invocation_log, exporter.get_finished_spans()

        begun = azurite.position()
        for number in range(BAD):
            container.upload_blob(f"bad-{number}", b"this is no picture")
        for number in range(BAD):
            app.post(WEBHOOK, [_created(azurite, f"bad-{number}")], {"aeg-event-type": "Notification"})
        app.wait_until(lambda: app.get("/api/stats").json()["counts"]["rejected"] == BAD, 60)
        app.wait_until_idle()
        # Our own uploads are taken off afterwards: Azurite writes a request's line some time after its answer.
        rejected_requests = azurite.since(begun) - Counter({"Put Blob": BAD})
        rejected_log = app.invocation_log[len(log) :]
    return WholeRun(
        agent_requests, app_requests, log, rejected_requests, rejected_log,
        {name: told["traceparent"] for name, told in blobs.items()}, runs, spans,
        (azurite.storage.split("AccountKey=")[1].split(";")[0], database),
    )  # fmt: skip


def _created(azurite: AccessLog, name: str) -> dict[str, Any]:
    """The recorded event, of this image."""
    event = dict(row("webhooks", "one event")["request"]["body"][0])
    url = f"{azurite.storage.split('BlobEndpoint=')[1].split(';')[0]}/img/{name}"
    subject = f"/blobServices/default/containers/img/blobs/{name}"
    return {**event, "subject": subject, "id": name, "data": {**event["data"], "url": url}}


def _local_agent(*words: object, storage: str = "") -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local_agent", *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "AGENT_STORAGE_CONNECTION_STRING": storage},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
