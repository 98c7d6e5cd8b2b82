"""OpenTelemetry over the whole cloud side of the pipeline: a blob in real Azurite, the app on the embedded host."""

from __future__ import annotations

import io
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient
from opentelemetry.trace import StatusCode
from PIL import Image

from functions_host.testing import start_app
from sql_migrations.cli import main as migrate

ROOT = Path(__file__).resolve().parents[3]
TRACE, UPLOAD_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
API_VERSION = "2025-11-05"  # known to Azurite 3.37; the SDK asks for a newer one

pytestmark = [pytest.mark.azurite, pytest.mark.timeout(180)]


@pytest.fixture
def pipeline(azurite, tmp_path, exporter, measured):
    """The app with telemetry on; call it with (name, bytes, metadata) to upload and wait for the outcome."""
    exporter.clear()
    container = f"img-{uuid.uuid4().hex[:12]}"
    service = BlobServiceClient.from_connection_string(azurite.connection_string, api_version=API_VERSION)
    service.create_container(container)
    database = f"sqlite:///{tmp_path / 'results.db'}"
    assert migrate(["up", "--database", database]) == 0
    settings = {
        "AzureWebJobsStorage": azurite.connection_string, "IMAGE_STORAGE": azurite.connection_string,
        "IMAGE_CONTAINER": container, "SQL_CONNECTION_STRING": database, "TASKHUB_NAME": "TelemetryTest",
        "TELEMETRY": "provided", "BLOB_TRIGGER_SOURCE": "LogsAndContainerScan",
    }  # fmt: skip
    with start_app(ROOT, settings=settings) as app:

        def send(name: str, data: bytes, metadata: dict[str, str] | None = None) -> dict[str, Any]:
            service.get_blob_client(container, name).upload_blob(data, metadata=metadata)
            app.wait_until(lambda: bool(_ended(app, name)), 60)
            return _ended(app, name)

        yield send


def _ended(app: Any, name: str) -> dict[str, Any]:
    answer = app.get(f"/api/images/{name}")
    runs = answer.json()["runs"] if answer.status == 200 else []
    return runs[0] if runs and runs[0]["outcome"] else {}


def _png(size: int = 32) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (size, size), 9).save(buffer, "PNG")
    return buffer.getvalue()


def test_every_step_continues_the_trace_that_the_device_began(pipeline, exporter):
    run = pipeline(
        "cam-1/a.png", _png(), {"traceparent": f"00-{TRACE}-{UPLOAD_SPAN}-01", "deviceid": "cam-1"}
    )
    spans = exporter.get_finished_spans()  # no "upload": the metadata does not say when the file was complete
    assert [s.name for s in spans] == ["start_on_blob", "validate_image", "score_image", "save_result"]
    assert {f"{s.context.trace_id:032x}" for s in spans} == {TRACE}
    assert {f"{s.parent.span_id:016x}" for s in spans} == {UPLOAD_SPAN}
    assert {s.attributes["run.id"] for s in spans} == {run["run_id"]}
    assert {s.attributes["device.id"] for s in spans} == {"cam-1"}
    assert spans[-1].attributes["image.outcome"] == "scored"


def test_an_image_without_a_trace_gets_one_of_its_own_and_its_rejection_is_named(pipeline, exporter):
    run = pipeline("foreign.png", _png(64))
    spans = exporter.get_finished_spans()
    assert [s.name for s in spans] == ["start_on_blob", "validate_image", "reject_image"]
    assert {f"{s.context.trace_id:032x}" for s in spans} == {run["run_id"]}
    assert spans[1].attributes["image.reason"] == run["reason"]
    assert {s.status.status_code for s in spans} == {
        StatusCode.UNSET
    }  # a rejection is an answer, not an error


@pytest.mark.parametrize("hostile", ["00-" + "0" * 32 + "-" + "1" * 16 + "-01", "x' OR 1=1", "a" * 200])
def test_a_traceparent_that_is_none_is_left_out(pipeline, exporter, hostile):
    run = pipeline("hostile.png", _png(), {"traceparent": hostile})
    assert run["outcome"] == "scored"
    assert {f"{s.context.trace_id:032x}" for s in exporter.get_finished_spans()} == {run["run_id"]}


def test_outcomes_and_latency_are_counted_under_the_names_that_the_alerts_ask_for(pipeline, measured):
    pipeline("cam-1/b.png", _png(), {"capturedat": "2026-01-01T00:00:00.000000Z"})
    seen = {
        metric.name: metric
        for resource in measured.get_metrics_data().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    outcomes = {
        point.attributes["outcome"]: point.value for point in seen["pipeline.images"].data.data_points
    }
    assert outcomes["scored"] >= 1
    assert seen["pipeline.latency"].data.data_points[0].sum > 0
    assert "pipeline.oldest_waiting" in seen
    asked = re.findall(r'name == "([\w.]+)"', (ROOT / "infra" / "app" / "alerts.bicep").read_text())
    assert asked
    assert set(asked) <= set(seen)


def test_no_pixel_and_no_secret_is_in_a_span(pipeline, exporter, azurite):
    pipeline("cam-1/c.png", _png())
    text = "".join(span.to_json() for span in exporter.get_finished_spans())
    key = azurite.connection_string.split("AccountKey=")[1].split(";")[0]
    assert key not in text
    assert "IHDR" not in text
    assert 'events": []' in text  # no exception text of a library either
