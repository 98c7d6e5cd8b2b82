"""Each exporter sets up; OTLP reaches a collector over HTTP; console prints; nothing is sent when the app is idle."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ONE_STEP = """
from function_app.telemetry import observing
from opentelemetry import metrics, trace

@observing.observed
def save_result(ending):
    return {}

save_result(ending={"record": {"run_id": "ab" * 16, "outcome": "scored", "captured_at": "2026-01-01T00:00:00Z"}})
trace.get_tracer_provider().shutdown()
metrics.get_meter_provider().shutdown()
"""


@pytest.fixture
def collector() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A collector's HTTP endpoint: what was posted, by path."""
    received: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", received
    server.shutdown()
    server.server_close()


def _run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, **environment},
    )  # fmt: skip


def test_otlp_posts_spans_and_metrics_to_the_collector(collector):
    url, received = collector
    done = _run(
        ONE_STEP, TELEMETRY="otlp", OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_EXPORTER_OTLP_COMPRESSION="none"
    )
    assert done.returncode == 0, done.stderr
    assert set(received) == {"/v1/traces", "/v1/metrics"}
    assert b"save_result" in received["/v1/traces"]
    assert bytes.fromhex("ab" * 16) in received["/v1/traces"]
    assert b"pipeline.latency" in received["/v1/metrics"]


def test_console_prints_the_span_and_the_metrics():
    done = _run(ONE_STEP, TELEMETRY="console")
    assert done.returncode == 0, done.stderr
    assert '"name": "save_result"' in done.stdout
    assert "pipeline.images" in done.stdout


def test_azure_monitor_sets_up_with_the_identity_and_asks_nobody_yet():
    script = "from function_app.telemetry.providers import instruments; instruments('azuremonitor'); print('ready')"
    where = "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://127.0.0.1:1/"
    done = _run(
        f"{script}\nimport os; os._exit(0)".replace("print('ready')", "print('ready', flush=True)"),
        APPLICATIONINSIGHTS_CONNECTION_STRING=where,
        APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL="true",
    )
    assert done.stdout.strip() == "ready", done.stderr
    refused = _run(script, APPLICATIONINSIGHTS_CONNECTION_STRING="")
    assert "needs APPLICATIONINSIGHTS_CONNECTION_STRING" in refused.stderr
