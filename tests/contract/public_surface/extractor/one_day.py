"""A short day of the pipeline, to see what it leaves behind: the app on the embedded host, blobs in a real Azurite.

One good image, one bad, one that finds the database without its tables; a sweep, a replay. What is seen: the answers
over HTTP, names and metadata in storage, the JSON that Durable keeps in its history, spans and metrics, the host's
state folder.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.web_urldispatcher import UrlDispatcher
from azure.storage.blob import BlobServiceClient
from databases import tables_of
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from places import ROOT, found

_API_VERSION = "2025-11-05"  # the newest that Azurite knows
_HOSTS_OWN = {"content-length", "content-type", "date", "server", "connection"}
_EVERY_SECOND = "* * * * * *"

_SECRET = re.compile(r"(?<=^/)[A-Za-z0-9_-]{43}(?=/durabletask$)")
"""The part of the path of the SDK's way in that is made anew at each start."""


@dataclass(frozen=True)
class Day:
    """What was left behind, kind by kind."""

    answers: dict[str, Any]
    blobs: dict[str, Any]
    orchestration: dict[str, Any]
    telemetry: dict[str, Any]
    host_state: dict[str, Any]
    host_routes: list[str]


def lived(storage: str, place: Path) -> Day:
    """Live it. Raises TimeoutError if an image does not come to an end."""
    from functions_host.testing import start_app

    spans, measures = _telemetry_in_memory()
    stamp = f"{time.time_ns():x}"
    container, quarantine = f"surface-{stamp}", f"surface-{stamp}-quarantine"
    database, state = place / "results.db", place / "host"
    _run("sql_migrations", "up", "--database", f"sqlite:///{database.as_posix()}")
    settings = {
        "AzureWebJobsStorage": storage, "IMAGE_STORAGE": storage, "TASKHUB_NAME": "SurfaceHub",
        "IMAGE_CONTAINER": container, "QUARANTINE_CONTAINER": quarantine, "TELEMETRY": "provided",
        "SQL_CONNECTION_STRING": f"sqlite:///{database.as_posix()}", "SWEEP_SCHEDULE": _EVERY_SECOND,
        "BLOB_TRIGGER_SOURCE": "LogsAndContainerScan", "FUNCTIONS_HOST_BLOB_POLL_SECONDS": "0.2",
    }  # fmt: skip
    service = BlobServiceClient.from_connection_string(storage, api_version=_API_VERSION)
    images = service.create_container(container)
    routes: set[str] = set()
    with _noted(routes), start_app(ROOT, settings=settings, state=state) as app:
        good, bad, stuck = _files(place)
        scored, rejected = (_ended(app, _sent(images, *image)) for image in (good, bad))
        answers = _answers(app, scored["run_id"], rejected["run_id"])
        kept = service.get_container_client(quarantine)
        # Where sweep and purge stand, beside the copy of the rejected one.
        app.wait_until(lambda: sum("/position.json" in blob.name for blob in kept.list_blobs()) == 2, 30)
        blobs = _blobs(kept, rejected, container)
        app.wait_until_idle()  # the replay has ended: the next run that retries is not its
        orchestration = {"scored": _kept(app, scored["run_id"]), "replayed": _kept(app, rejected["run_id"])}
        _hide_tables(database)
        _sent(images, *stuck)
        retrying = _first(app, "runs?state=retrying")
        answers["GET /api/runs/{retrying}"] = _told(app.get(f"/api/runs/{retrying['run_id']}"))
        orchestration["retrying"] = _kept(app, retrying["run_id"])
    telemetry = {"spans": _spans(spans), "metrics": _metrics(measures)}
    return Day(answers, blobs, orchestration, telemetry, _host_state(state), sorted(routes))


def _files(place: Path) -> Iterator[tuple[str, bytes]]:
    """Two good images and a bad one of the simulator, in the order good, bad, good."""
    inbox, truth = place / "day", place / "day.jsonl"
    words = ("--images", "3", "--bad", "1", "--seed", "1", "--rate", "0")
    _run("local_agent", "simulate", *words, "--inbox", str(inbox), "--manifest", str(truth))
    lines = [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]
    lines.sort(key=lambda line: line["expected"] == "rejected")
    for line in (lines[0], lines[2], lines[1]):
        yield line["name"], (inbox / line["name"]).read_bytes()


def _sent(images: Any, name: str, data: bytes) -> str:
    """Upload as the agent would; the blob's name."""
    blob = found("blob of a file")("cam-1", name.encode(), 1_767_225_600_000_000_000, data)
    images.upload_blob(blob.name, data, metadata=blob.metadata)
    return str(blob.name)


def _ended(app: Any, blob_name: str) -> dict[str, Any]:
    """The image's run once it has ended."""
    return _first(app, f"images/{blob_name}", "outcome")


def _first(app: Any, path: str, field: str = "run_id") -> dict[str, Any]:
    """The first run that the API tells there, as soon as it has the field. Raises TimeoutError."""
    seen: list[dict[str, Any]] = []

    def told() -> bool:
        answer = app.get(f"/api/{path}")
        seen[:] = answer.json()["runs"][:1] if answer.status == 200 else []
        return bool(seen) and bool(seen[0][field])

    app.wait_until(told, 60)
    return seen[0]


def _answers(app: Any, scored: str, rejected: str) -> dict[str, Any]:
    """What is asked -> status, type, headers and field names of the answer. Nulls and empty lists have no fields."""
    asked = [
        f"GET /api/runs/{scored}", f"GET /api/runs/{scored}/image", "GET /api/runs?limit=1",
        "GET /api/results.csv?limit=1", "GET /api/stats?window=1h", "GET /api/audit", "GET /api/health",
        "GET /api/health/ready", "GET /api/health/live", "GET /api/runs/none", "GET /api/runs?none=1",
        f"POST /api/runs/{scored}/replay",
        f"POST /api/runs/{rejected}/replay", "POST /api/runs/replay?state=rejected&dry_run=true",
        "POST /api/sweep?limit=1", "POST /api/purge", "GET /api/dashboard", "GET /api/dashboard/app.js",
        "GET /api/dashboard/app.css",
    ]  # fmt: skip
    told = {}
    for line in asked:
        method, _, path = line.partition(" ")
        name = line.replace(scored, "{scored}").replace(rejected, "{rejected}")
        told[name] = _told(app.request(method, path))
    return told


def _told(answer: Any) -> dict[str, Any]:
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    headers = {name.lower() for name in answer.headers} - _HOSTS_OWN
    told: dict[str, Any] = {"status": answer.status, "type": kind, "headers": ", ".join(sorted(headers))}
    if kind.endswith("json"):
        told["fields"] = sorted(_names(answer.json()))
    elif kind == "text/csv":
        told["columns"] = answer.text.splitlines()[0]
    return told


def _blobs(kept: Any, rejected: dict[str, Any], container: str) -> dict[str, Any]:
    """What the app wrote to the quarantine container, and by which rule it named the run."""
    run_id, name = rejected["run_id"], rejected["blob_name"]
    rule = hashlib.sha256(f"{container}\n{name}\n{rejected['etag']}".encode()).hexdigest()[:32]
    told: dict[str, Any] = {}
    for blob in kept.list_blobs(include=["metadata"]):
        if blob.name.startswith("live/"):  # the list of living runs, which is the app's own and soon gone
            continue
        is_copy = run_id in blob.name
        shown = blob.name.replace(run_id, "{run id}").replace(
            name.rpartition("/")[2], "{end of the blob's name}"
        )
        told[shown.replace(rejected["reason"], "{reason}")] = (
            sorted(blob.metadata or {})
            if is_copy
            else sorted(_names(json.loads(kept.download_blob(blob).readall())))
        )
    return {
        "written to the quarantine container (metadata or fields)": told,
        "run id": "SHA-256 of container, blob name and ETag by lines, 32 hex digits"
        if rule == run_id
        else "another",
    }


def _kept(app: Any, run_id: str) -> dict[str, Any]:
    """Field names of what the history of a run keeps: the next version of the app must read them."""
    status = app.orchestrations.status(run_id, history=True)
    ended = [event for event in status.history if event["EventType"] in ("TaskCompleted", "TaskFailed")]
    return {
        "orchestrator": status.name,
        "activities": ", ".join(dict.fromkeys(event["FunctionName"] for event in ended)),
        "input": sorted(_names(_parsed(status.input))),
        "output": sorted(_names(_parsed(status.output))),
        "custom status": sorted(_names(_parsed(status.custom_status))),
        "results of activities": sorted(
            {name for event in ended for name in _names(_parsed(event.get("Result")))}
        ),
    }


@contextmanager
def _noted(routes: set[str]) -> Iterator[None]:
    """Note every route that the host adds to its web server, and where it mounts the rest."""
    add_route, add_subapp = UrlDispatcher.add_route, web.Application.add_subapp

    def route(self: Any, method: str, path: str, *more: Any, **options: Any) -> Any:
        routes.add(f"{method} {path}")
        return add_route(self, method, path, *more, **options)

    def mount(self: Any, prefix: str, app: Any) -> Any:
        routes.add(f"mounted at {_SECRET.sub('SECRET', prefix)}")
        return add_subapp(self, prefix, app)

    UrlDispatcher.add_route, web.Application.add_subapp = route, mount  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        UrlDispatcher.add_route, web.Application.add_subapp = add_route, add_subapp  # type: ignore[method-assign]


def _host_state(state: Path) -> dict[str, Any]:
    told: dict[str, Any] = {
        "files": sorted(path.name for path in state.iterdir() if not path.name.endswith(("-wal", "-shm")))
    }
    for path in sorted(state.glob("*.db")):
        told[path.name] = tables_of(path)
    keys = json.loads((state / "keys.json").read_text(encoding="utf-8"))
    told["keys.json"] = sorted(_names({**keys, "functionKeys": {}}))
    return told


def _telemetry_in_memory() -> tuple[InMemorySpanExporter, InMemoryMetricReader]:
    spans, measures = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([measures]))
    return spans, measures


def _spans(exporter: InMemorySpanExporter) -> dict[str, list[str]]:
    told: dict[str, set[str]] = {}
    for span in exporter.get_finished_spans():
        told.setdefault(span.name, set()).update(span.attributes or {})
    return {name: sorted(attributes) for name, attributes in sorted(told.items())}


def _metrics(reader: InMemoryMetricReader) -> dict[str, str]:
    data = reader.get_metrics_data()
    told = {}
    for metric in [
        m for r in (data.resource_metrics if data else ()) for s in r.scope_metrics for m in s.metrics
    ]:
        labels = sorted({str(name) for point in metric.data.data_points for name in point.attributes or ()})
        told[metric.name] = (
            f"{type(metric.data).__name__} unit={metric.unit or '-'} {' '.join(labels)}".strip()
        )
    return told


def _names(value: Any, above: str = "") -> Iterator[str]:
    """Dotted names of all fields; ``[]`` for the entries of a list."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{above}{name}"
            yield from _names(inner, f"{above}{name}.")
    elif isinstance(value, list):
        for inner in value[:1]:
            yield from _names(inner, f"{above.rstrip('.')}[].")


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value.startswith("{") else value


def _hide_tables(database: Path) -> None:
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        for view in ("latest_score_per_image", "hourly_counts", "rejected_by_reason"):
            connection.execute(f"DROP VIEW {view}")
        connection.execute("ALTER TABLE runs RENAME TO away")
        connection.commit()


def _run(part: str, *words: str) -> None:
    subprocess.run([sys.executable, "-m", part, *words], cwd=ROOT, capture_output=True, check=True)
