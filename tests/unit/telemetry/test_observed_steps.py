"""What a step's wrapper does: nothing when off, and the failing try's reason without a library's words when on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from function_app import telemetry, telemetry_providers
from function_app.errors import Misconfigured, StorageUnavailable
from function_app.traced_image import image_of_input, own_trace

ROOT = Path(__file__).resolve().parents[3]
RUN = {
    "run_id": "ab" * 16, "attempt": 2, "image": {"container": "img", "blob_name": "x", "etag": "1", "size_bytes": 1},
    "lineage": {"device_id": "cam-1", "uploaded_at": "2026-01-01T00:00:00.000000Z"},
}  # fmt: skip


@pytest.fixture
def recorded(monkeypatch):
    """The wrapper with exporters of its own, apart from the process's."""
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(telemetry_providers.trace, "get_tracer", provider.get_tracer)
    monkeypatch.setattr(telemetry_providers.metrics, "get_meter", MeterProvider([reader]).get_meter)
    monkeypatch.setattr(telemetry, "TELEMETRY", "provided")
    telemetry_providers.instruments.cache_clear()
    yield spans, reader
    telemetry_providers.instruments.cache_clear()


def test_off_means_the_very_function_and_no_import_of_opentelemetry():
    def step(run: object) -> object:
        return run

    assert telemetry.observed(step) is step
    script = (
        "import sys, function_app; print(sorted(m for m in sys.modules if m.startswith('opentelemetry.sdk')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_failed_try_is_counted_by_reason_and_no_foreign_text_leaves(recorded):
    spans, reader = recorded

    @telemetry.observed
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
    assert names == {telemetry.RETRIES, telemetry.WAITING}


def test_our_own_errors_are_told_by_their_reason(recorded):
    @telemetry.observed
    def score_image(run: Any) -> Any:
        raise StorageUnavailable("Storage answered 503 (ServerBusy).")

    with pytest.raises(StorageUnavailable):
        score_image(run=RUN)
    assert recorded[0].get_finished_spans()[0].status.description == StorageUnavailable("").reason


def test_a_starter_stays_a_coroutine_function_with_its_own_signature(recorded):
    @telemetry.observed
    async def start(blob: Any, client: Any) -> None: ...

    assert asyncio.iscoroutinefunction(start)
    assert list(__import__("inspect").signature(start).parameters) == ["blob", "client"]


def test_run_and_ending_of_one_image_continue_one_trace():
    ending = {"record": {"run_id": "ab" * 16, "outcome": "scored", "attempt": 1}, "scores": []}
    assert image_of_input(RUN).traceparent == image_of_input(ending).traceparent == own_trace("ab" * 16)
    told = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
    assert image_of_input({**ending, "traceparent": told}).traceparent == told
    assert image_of_input({**RUN, "traceparent": told}).traceparent == told


def test_an_unknown_exporter_is_named():
    telemetry_providers.instruments.cache_clear()
    with pytest.raises(Misconfigured, match="console, otlp"):
        telemetry_providers.instruments("grafana")
