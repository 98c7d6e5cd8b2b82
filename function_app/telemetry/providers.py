"""Where spans and metrics go. Imported only while telemetry is on, so that OpenTelemetry costs nothing when off.

TELEMETRY is ``console``, ``otlp`` (to OTEL_EXPORTER_OTLP_ENDPOINT), ``azuremonitor`` (to
APPLICATIONINSIGHTS_CONNECTION_STRING, signed in with the app's identity) or ``provided`` (OpenTelemetry was set up
in this process before, by an agent or a test).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    ConsoleMetricExporter,
    MetricExporter,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from function_app.errors import Misconfigured
from function_app.telemetry.traced_image import TracedImage

IMAGES = "pipeline.images"
"""Ended images, by outcome."""

LATENCY = "pipeline.latency"
"""Seconds from the file complete on the device to its outcome recorded."""

RETRIES = "pipeline.retries"
"""Failed tries, by step and reason."""

WAITING = "pipeline.oldest_waiting"
"""Seconds since upload of an image without an outcome; measured at starts, failures and sweeps."""


_NAME = "function_app"
UPLOAD = "upload"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Exporters = tuple[SpanExporter, MetricExporter]


class Instruments:
    """The tracer and the meters of this process."""

    def __init__(self) -> None:
        self._tracer = trace.get_tracer(_NAME)
        self._propagator = TraceContextTextMapPropagator()
        meter = metrics.get_meter(_NAME)
        self.images = meter.create_counter(IMAGES, description="Images that ended, by outcome")
        self.retries = meter.create_counter(RETRIES, description="Failed tries of a step")
        self.latency = meter.create_histogram(
            LATENCY, "s", "From the file complete on the device to its outcome"
        )
        self.waiting = meter.create_histogram(WAITING, "s", "Age of an image that has no outcome yet")

    @contextmanager
    def span(self, step: str, image: TracedImage) -> Iterator[trace.Span]:
        """A span that continues the image's trace. What a library says in an exception is kept out of it."""
        parent = self._propagator.extract({"traceparent": image.traceparent})
        with self._tracer.start_as_current_span(
            step, parent, attributes=image.attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            yield span

    def uploaded(self, image: TracedImage) -> None:
        """The span from the file being complete on the device to the blob, out of the two times in the metadata.

        Storage cuts its time to whole seconds and the device has its own clock: the end is never before the start.
        """
        if image.captured_at is None or image.uploaded_at is None:
            return
        begun, ended = (_nanoseconds(moment) for moment in (image.captured_at, image.uploaded_at))
        parent = self._propagator.extract({"traceparent": image.traceparent})
        span = self._tracer.start_span(UPLOAD, parent, attributes=image.attributes, start_time=begun)
        span.end(max(begun, ended))

    @staticmethod
    def failed(span: trace.Span, reason: str) -> None:
        """Mark the span as failed, with one of our reason codes."""
        span.set_status(trace.StatusCode.ERROR, reason)


@lru_cache(maxsize=1)
def instruments(kind: str) -> Instruments:
    """The instruments of this process, their exporters set up once. Raises Misconfigured for an unknown kind."""
    if kind != "provided":
        if kind not in _EXPORTERS:
            raise Misconfigured(f"TELEMETRY must be off, provided, {', '.join(sorted(_EXPORTERS))}")
        spans, measures = _EXPORTERS[kind](os.environ)
        resource = Resource.create({"service.name": _NAME})
        tracing = TracerProvider(resource=resource)
        tracing.add_span_processor(BatchSpanProcessor(spans))
        trace.set_tracer_provider(tracing)
        metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(measures)], resource))
    return Instruments()


def _nanoseconds(moment: datetime) -> int:
    """Since 1970, exactly: a float would lose the microseconds."""
    return max(0, (moment - _EPOCH) // timedelta(microseconds=1) * 1_000)


def _console(environ: Mapping[str, str]) -> Exporters:
    return ConsoleSpanExporter(), ConsoleMetricExporter()


def _otlp(environ: Mapping[str, str]) -> Exporters:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(), OTLPMetricExporter()


def _azure_monitor(environ: Mapping[str, str]) -> Exporters:
    from azure.identity import ManagedIdentityCredential
    from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter, AzureMonitorTraceExporter

    where = environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING")
    if not where:
        raise Misconfigured("TELEMETRY=azuremonitor needs APPLICATIONINSIGHTS_CONNECTION_STRING")
    credential = ManagedIdentityCredential(client_id=environ.get("IMAGE_STORAGE__clientId"))
    return (
        AzureMonitorTraceExporter(connection_string=where, credential=credential),
        AzureMonitorMetricExporter(connection_string=where, credential=credential),
    )


_EXPORTERS: dict[str, Callable[[Mapping[str, str]], Exporters]] = {
    "console": _console,
    "otlp": _otlp,
    "azuremonitor": _azure_monitor,
}
