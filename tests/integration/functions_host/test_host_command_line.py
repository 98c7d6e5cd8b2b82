"""The command line, as a process: listing, locks, kill -9, shutdown, receipts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]

APP = """
import asyncio, json, logging, os, pathlib, time
import azure.functions as func
import azure.durable_functions as df

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)

@app.route(route="hello/{name}", methods=["GET"])
def hello(req: func.HttpRequest) -> str:
    logging.info("hello with %s", "AccountKey=hush;x")
    return f"hello {req.route_params['name']} from {pathlib.Path.cwd().name}"

@app.route(route="slow")
async def slow(req: func.HttpRequest) -> str:
    await asyncio.sleep(0.7)
    return "done"

@app.route(route="stuck")
def stuck(req: func.HttpRequest) -> str:
    time.sleep(60)
    return ""

@app.route(route="start")
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client) -> str:
    return await client.start_new("waits", instance_id="one")

@app.orchestration_trigger(context_name="context")
def waits(context):
    yield context.wait_for_external_event("go")
    return "gone"
"""


def write_app(folder: Path) -> Path:
    folder.mkdir()
    (folder / "function_app.py").write_text(APP)
    (folder / "host.json").write_text(json.dumps({"version": "2.0"}))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_app(tmp_path / "an_app")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, start_host: Callable[..., Any]) -> Iterator[Any]:
    """A host that no test stops or changes."""
    with closing(start_host(write_app(tmp_path_factory.mktemp("one") / "an_app"))) as running:
        yield running.ready()


def test_start_lists_functions_with_their_urls_and_serves_them(one: Any) -> None:
    running = one
    assert running.get("/api/hello/bob") == (200, "hello bob from an_app")
    assert f"hello: httpTrigger  [GET]  http://127.0.0.1:{running.port}/api/hello/{{name}}" in running.text
    assert "waits: orchestrationTrigger" in running.text
    assert "\x1b[" not in running.text  # not a terminal: no colours


def test_each_invocation_is_one_line_without_secrets(one: Any) -> None:
    running = one
    running.get("/api/hello/lines?code=hush")
    lines = [line for line in running.text.splitlines() if "api/hello/lines" in line]
    assert len(lines) == 1
    assert "kind=http status=succeeded duration_ms=" in lines[0]
    assert "hush" not in running.text
    assert "AccountKey=***" in running.text


def test_environment_wins_over_local_settings_and_host_json(host: Callable[..., Any], root: Path) -> None:
    (root / "local.settings.json").write_text(
        json.dumps({"Values": {"AzureFunctionsJobHost__extensions__http__routePrefix": "file"}})
    )
    variables = {"AzureFunctionsJobHost__extensions__http__routePrefix": "environment"}
    running = host(environment=variables).ready()
    assert running.get("/environment/hello/x")[0] == 200


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
def test_terminate_lets_open_requests_end_and_exits_0_within_10_seconds(host: Callable[..., Any]) -> None:
    running = host().ready()
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(b"GET /api/slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.2)
        started = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        assert client.recv(1000).endswith(b"done")
    assert running.process.wait(10) == 0
    assert time.monotonic() - started < 10


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
def test_terminate_does_not_wait_for_a_function_that_never_returns(host: Callable[..., Any]) -> None:
    running = host().ready()
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        client.sendall(b"GET /api/stuck HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(0.2)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 0


TRACED_APP = """
import atexit, os, pathlib, time
import azure.functions as func
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

class ToFile(SpanExporter):
    def export(self, spans):
        with open("spans.txt", "a") as file:
            file.writelines(span.name for span in spans)
        return SpanExportResult.SUCCESS

if "HANG" in os.environ:
    atexit.register(time.sleep, 60)
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(ToFile(), schedule_delay_millis=60_000))
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route(route="traced")
def traced(req: func.HttpRequest) -> str:
    with provider.get_tracer("app").start_as_current_span("last span"):
        return "done"
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("hang", [False, True])
def test_spans_of_the_last_seconds_are_exported_at_stop(
    host: Callable[..., Any], root: Path, hang: bool
) -> None:
    (root / "function_app.py").write_text(TRACED_APP)
    running = host(environment={"HANG": "1"} if hang else {}).ready()
    assert running.get("/api/traced") == (200, "done")
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(10) == 0
    assert (root / "spans.txt").read_text() == "last span"


def test_state_directory_has_one_owner_until_it_dies(host: Callable[..., Any]) -> None:
    first = host().ready()
    second = host()
    assert second.process.wait(20) == 1
    assert "is in use by another functions_host (process " in second.text
    first.process.kill()
    first.process.wait(10)
    host().ready()


def test_orchestration_survives_kill_9(host: Callable[..., Any]) -> None:
    first = host().ready()
    assert first.get("/api/start") == (200, "one")
    first.process.kill()
    first.process.wait(10)
    second = host().ready()
    webhooks = "/runtime/webhooks/durabletask/instances/one"
    assert second.get(f"{webhooks}/raiseEvent/go", "POST", b"1")[0] == 202
    deadline = time.monotonic() + 10
    while json.loads(second.get(webhooks)[1])["runtimeStatus"] != "Completed":
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_taken_port_is_a_clear_refusal(host: Callable[..., Any], one: Any) -> None:
    other = host("--port", str(one.port))
    assert other.process.wait(20) == 1
    assert f"cannot listen on 127.0.0.1:{one.port}" in other.text
    assert "Traceback" not in other.text


def test_app_that_cannot_be_loaded_is_a_clear_refusal(host: Callable[..., Any], root: Path) -> None:
    (root / "function_app.py").write_text(
        APP + "\n@app.entity_trigger(context_name='c')\ndef counter(c): pass\n"
    )
    refused = host()
    assert refused.process.wait(20) == 1
    assert "cannot load the function 'counter': Durable entities are not supported" in refused.text
    assert "Traceback" not in refused.text


def test_authorised_host_keeps_its_keys_in_the_state_directory(
    host: Callable[..., Any], tmp_path: Path
) -> None:
    state = tmp_path / "state"
    running = host("--enable-auth", "--state", str(state)).ready()
    keys = json.loads((state / "keys.json").read_text())
    assert running.get("/api/hello/bob")[0] == 401
    assert running.get(f"/api/hello/bob?code={keys['functionKeys']['hello']['default']}")[0] == 200
    assert keys["masterKey"] not in running.text


def test_address_that_a_network_reaches_is_refused_without_keys(host: Callable[..., Any], root: Path) -> None:
    refused = host("--address", "0.0.0.0")
    assert refused.process.wait(20) == 1
    [line] = refused.text.splitlines()
    assert line.startswith("functions_host: --address 0.0.0.0 ")
    assert "--enable-auth" in line
    assert not (root / ".functions_host").exists()


def test_allowed_host_names_are_answered(host: Callable[..., Any]) -> None:
    running = host("--allow-host", "me.github.dev", "--allow-host", "tunnel.test").ready()

    def status(name: str) -> bytes:
        with socket.create_connection(("127.0.0.1", running.port), timeout=5) as client:
            client.sendall(b"GET /admin/host/status HTTP/1.1\r\nHost: " + name.encode() + b"\r\n\r\n")
            return client.recv(100).split()[1]

    assert [status(name) for name in ("me.github.dev", "Tunnel.test:443", "evil.test")] == [
        b"200",
        b"200",
        b"403",
    ]


def test_reset_receipts_wants_the_host_stopped(one: Any, root: Path) -> None:
    command = [sys.executable, "-m", "functions_host", "reset-receipts", "--root"]
    refused = subprocess.run(
        [*command, str(one.output.parent)], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert (refused.returncode, "in use" in refused.stderr) == (1, True)
    done = subprocess.run([*command, str(root)], cwd=REPOSITORY, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "0 receipts forgotten\n")


def test_help_names_every_option() -> None:
    command = [sys.executable, "-m", "functions_host", "start", "--help"]
    shown = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert shown.returncode == 0
    for option in ("--root", "--port", "--address", "--enable-auth", "--allow-host", "--state"):
        assert option in shown.stdout
