"""What a step's wrapper does: nothing when off, and the failing try's reason without a library's words when on."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from function_app.errors import Misconfigured, StorageUnavailable
from function_app.models.runs import ImageVersion, RunRequest, SourceMetadata
from function_app.telemetry import observing, providers
from function_app.telemetry.traced_image import image_of_input, own_trace

ROOT = Path(__file__).resolve().parents[4]
RUN = {
    "run_id": "ab" * 16, "attempt": 2, "image": {"container": "img", "blob_name": "x", "etag": "1", "size_bytes": 1},
    "lineage": {"device_id": "cam-1", "uploaded_at": "2026-01-01T00:00:00.000000Z"},
}  # fmt: skip

TOLD = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


def metric(reader: InMemoryMetricReader, name: str) -> list[Any]:
    """The points of one metric."""
    data = reader.get_metrics_data()
    assert data is not None
    metrics = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
    return list(next(m for m in metrics if m.name == name).data.data_points)


@pytest.fixture
def recorded(monkeypatch):
    """The wrapper with exporters of its own, apart from the process's."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    monkeypatch.setattr(metrics, "get_meter", MeterProvider([reader]).get_meter)
    monkeypatch.setattr(observing, "TELEMETRY", "provided")
    providers.instruments.cache_clear()
    yield spans, reader
    providers.instruments.cache_clear()


def test_off_means_the_very_function_and_no_import_of_opentelemetry():
    def step(run: object) -> object:
        return run

    assert observing.observed(step) is step
    script = (
        "import sys, function_app; print(sorted(m for m in sys.modules if m.startswith('opentelemetry.sdk')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_failed_try_is_counted_by_reason_and_no_foreign_text_leaves(recorded):
    spans, reader = recorded

    @observing.observed
    def validate_image(run: Any) -> Any:
        raise ConnectionError("https://st.blob.core.windows.net/?sig=canary")

    with pytest.raises(ConnectionError):
        validate_image(run=RUN)
    (span,) = spans.get_finished_spans()
    assert span.status.description == "ConnectionError"
    assert span.attributes["run.attempt"] == 2
    assert "canary" not in span.to_json()
    names = {
        m.name for r in reader.get_metrics_data().resource_metrics for s in r.scope_metrics for m in s.metrics
    }
    assert names == {providers.RETRIES, providers.WAITING}


def test_our_own_errors_are_told_by_their_reason(recorded):
    @observing.observed
    def score_image(run: Any) -> Any:
        raise StorageUnavailable("Storage answered 503 (ServerBusy).")

    with pytest.raises(StorageUnavailable):
        score_image(run=RUN)
    assert recorded[0].get_finished_spans()[0].status.description == StorageUnavailable("").reason


ARRIVED = RunRequest(
    "ab" * 16,
    ImageVersion("img", "cam-1/a.png", "1", 1),
    SourceMetadata(
        captured_at=datetime(2026, 1, 1, 0, 0, 0, 250_000, tzinfo=UTC),
        uploaded_at=datetime(2026, 1, 1, 0, 0, 2, tzinfo=UTC),
    ),
    traceparent=TOLD,
)


def test_a_start_that_fails_is_marked_and_counted_as_a_failed_step_is(recorded):
    spans, reader = recorded
    with pytest.raises(ConnectionError), observing.observed_start(ARRIVED):
        raise ConnectionError("canary")
    span = spans.get_finished_spans()[-1]
    assert (span.name, span.status.description) == ("start_on_blob", "ConnectionError")
    assert metric(reader, providers.RETRIES)[0].attributes == {
        "step": "start_on_blob",
        "reason": "ConnectionError",
    }


def test_a_delivery_whose_image_could_not_be_looked_at_is_counted_without_a_span(recorded):
    spans, reader = recorded
    observing.count_failed_lookup(StorageUnavailable("Storage answered 503 (ServerBusy)."))
    assert spans.get_finished_spans() == ()
    assert metric(reader, providers.RETRIES)[0].attributes == {
        "step": "start_on_blob",
        "reason": StorageUnavailable("").reason,
    }


def test_the_way_from_device_to_blob_is_a_span_of_the_device_s_trace(recorded):
    with observing.observed_start(ARRIVED):
        pass
    upload, start = recorded[0].get_finished_spans()
    assert (upload.name, start.name) == (providers.UPLOAD, "start_on_blob")
    assert {f"{s.context.trace_id:032x}-{s.parent.span_id:016x}" for s in (upload, start)} == {TOLD[3:-3]}
    assert upload.end_time - upload.start_time == 1_750_000_000


def test_a_blob_whose_second_began_before_its_file_was_complete_travelled_in_no_time(recorded):
    complete = datetime(2026, 1, 1, 0, 0, 2, 900_000, tzinfo=UTC)  # storage says :02, without a fraction
    with observing.observed_start(replace(ARRIVED, source=replace(ARRIVED.source, captured_at=complete))):
        pass
    upload = recorded[0].get_finished_spans()[0]
    assert upload.start_time == upload.end_time


def test_a_start_is_no_span_while_telemetry_is_off(recorded, monkeypatch):
    monkeypatch.setattr(observing, "TELEMETRY", "off")
    with observing.observed_start(ARRIVED):
        pass
    observing.count_failed_lookup(StorageUnavailable(""))
    assert recorded[0].get_finished_spans() == ()
    assert recorded[1].get_metrics_data() is None


def test_the_sweep_measures_the_oldest_image_that_waits(recorded):
    observing.measure_oldest_waiting(None)
    assert recorded[1].get_metrics_data() is None
    observing.measure_oldest_waiting(datetime.now(UTC) - timedelta(hours=2))
    assert 7_200 <= metric(recorded[1], providers.WAITING)[0].max < 7_260


def test_run_and_ending_of_one_image_continue_one_trace():
    result = {"record": {"run_id": "ab" * 16, "outcome": "scored", "attempt": 1}, "scores": []}
    assert image_of_input(RUN).traceparent == image_of_input(result).traceparent == own_trace("ab" * 16)
    assert image_of_input({**result, "traceparent": TOLD}).traceparent == TOLD
    assert image_of_input({**RUN, "traceparent": TOLD}).traceparent == TOLD


def test_an_unknown_exporter_is_named():
    providers.instruments.cache_clear()
    with pytest.raises(Misconfigured, match="console, otlp"):
        providers.instruments("grafana")
