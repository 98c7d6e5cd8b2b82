"""Contract H: stricter than `func start` without keys. Over real sockets, at every door of the host."""

from __future__ import annotations

import gzip
import http.client
import logging
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from functions_host.errors import SettingsError
from functions_host.http import server
from functions_host.running.host import HostConfiguration
from functions_host.testing import RunningApp

AppOf = Callable[..., RunningApp]

SOURCE = """
@app.route(route="count", methods=["GET", "POST"])
def count(req: func.HttpRequest) -> str:
    return f"{len(req.get_body())} {req.headers.get('content-encoding')}"

@app.route(route="rpc", methods=["GET"])
@app.durable_client_input(client_name="client")
async def rpc(req: func.HttpRequest, client) -> str:
    return client._orchestration_bindings.rpc_base_url

@app.route(route="begin", methods=["POST"])
@app.durable_client_input(client_name="client")
async def begin(req: func.HttpRequest, client) -> str:
    await client.start_new("waits", "one")
    await client.raise_event("one", "unheard", 1)
    status = await client.get_status("one")
    await client.terminate("one", "enough")
    return f"{status.instance_id} {len(await client.get_status_all())}"

@app.orchestration_trigger(context_name="context")
def waits(context):
    return (yield context.wait_for_external_event("Go"))
"""
DURABLE = "/runtime/webhooks/durabletask"
STATE_CHANGES = [
    ("POST", "/api/count"),
    ("POST", f"{DURABLE}/orchestrators/waits/forged"),
    ("DELETE", f"{DURABLE}/instances/?createdTimeFrom=2020-01-01"),
    ("POST", "/admin/host/status"),
]


@pytest.fixture
def app(app_of: AppOf) -> RunningApp:
    return app_of(SOURCE)


@pytest.fixture
def keyed(app_of: AppOf) -> RunningApp:
    return app_of(SOURCE, enable_auth=True)


def first_line(origin: str, request: bytes) -> bytes:
    where = urlsplit(origin)
    with socket.create_connection((where.hostname, where.port), timeout=5) as client:
        client.sendall(request)
        return client.makefile("rb").readline().rstrip()


@pytest.mark.parametrize(("method", "path"), STATE_CHANGES)
def test_page_of_another_site_changes_nothing(app: RunningApp, method: str, path: str) -> None:
    for headers in ({"Origin": "http://evil.test"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert app.request(method, path, b"", headers).status == 403
    assert app.get(f"{DURABLE}/instances/forged").status == 404


@pytest.mark.parametrize(
    ("method", "path"), [*STATE_CHANGES, ("GET", "/api/rpc"), ("GET", "/admin/host/status")]
)
def test_name_that_was_rebound_to_this_computer_reads_and_changes_nothing(
    app: RunningApp, method: str, path: str
) -> None:
    port = urlsplit(app.origin).port
    answer = app.request(method, path, None, {"Host": f"evil.test:{port}"})
    assert (answer.status, "--allow-host" in answer.text) == (403, True)
    assert app.request(method, path, None, {"Host": f"localhost:{port}"}).status != 403


def test_dashboards_command_lines_and_deliverers_are_answered_as_before(app: RunningApp) -> None:
    assert app.post("/api/count", b"12345").text == "5 None"
    assert app.post("/api/count", b"1", {"Origin": app.origin, "Sec-Fetch-Site": "same-origin"}).status == 200
    assert app.post(f"{DURABLE}/orchestrators/waits/w").status == 202


def test_first_stranger_of_each_kind_is_logged(app: RunningApp, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "functions_host.http"):
        for _ in range(3):
            app.get("/api/count", {"Host": "evil.test"})
            app.post("/api/count", b"", {"Origin": "http://evil.test"})
    told = [record.getMessage() for record in caplog.records if record.name == "functions_host.http"]
    assert len(told) == 2
    assert all("--allow-host" in line for line in told)


def test_with_keys_the_key_decides(keyed: RunningApp) -> None:
    answer = keyed.post("/api/count", b"1", {"Host": "app.example.test", "Origin": "http://evil.test"})
    assert answer.status == 200  # anonymous, as in Azure
    assert keyed.get("/admin/host/status", {"Host": "app.example.test"}).status == 401


@pytest.mark.parametrize(
    "host", [b"a b", b"[", b"[::zz]", b"x:99999999", b"", b"u@localhost", b"localhost/", b"x:y"]
)
def test_host_that_is_none_is_400(app: RunningApp, keyed: RunningApp, host: bytes) -> None:
    for origin in (app.origin, keyed.origin):
        line = first_line(
            origin, b"GET /api/count HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n"
        )
        assert line == b"HTTP/1.1 400 Bad Request"


@pytest.mark.parametrize("request_text", [b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost\r\n\r\n"])
def test_request_that_is_not_http_leaves_a_line_and_no_traceback(
    app: RunningApp, caplog: pytest.LogCaptureFixture, request_text: bytes
) -> None:
    assert first_line(app.origin, request_text).endswith(b" 400 Bad Request")
    [record] = caplog.records
    assert record.exc_info is None
    assert "\n" not in record.getMessage()


def test_request_without_a_host_is_400_unless_it_is_http_1_0(app: RunningApp) -> None:
    assert first_line(app.origin, b"GET /api/count HTTP/1.1\r\n\r\n").endswith(b" 400 Bad Request")
    assert first_line(app.origin, b"GET /api/count HTTP/1.0\r\n\r\n").endswith(b" 200 OK")


def test_first_line_may_not_name_another_host_than_the_header(app: RunningApp) -> None:
    request = b"GET http://evil.test/api/count HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert first_line(app.origin, request) == b"HTTP/1.1 400 Bad Request"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.5", "my-machine"])
def test_address_that_a_network_reaches_wants_keys(address: str) -> None:
    with pytest.raises(SettingsError, match="--enable-auth"):
        HostConfiguration(None, address)
    assert HostConfiguration(None, address, enable_auth=True).address == address


@pytest.mark.parametrize("enable_auth", [False, True])
def test_way_in_of_the_sdk_opens_to_the_sdk_alone(app_of: AppOf, enable_auth: bool) -> None:
    app = app_of(SOURCE, enable_auth=enable_auth)
    base = app.get("/api/rpc").text
    where = urlsplit(base)
    assert len(where.path.split("/")[1]) >= 40
    for path in ("/durabletask/", "/wrong/durabletask/", "/"):
        for method, rest in (
            ("POST", "orchestrators/waits/forged"),
            ("GET", "instances/"),
            ("DELETE", "instances/forged"),
        ):
            client = http.client.HTTPConnection(str(where.hostname), where.port or 0, timeout=5)
            client.request(method, path + rest, b"")
            assert client.getresponse().status == 404
            client.close()
    assert app.post("/api/begin").text == "one 1"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_compressed_body_stays_as_it_was_sent(app: RunningApp, coding: str) -> None:
    bomb = gzip.compress(bytes(20_000_000))
    assert app.post("/api/count", bomb, {"Content-Encoding": coding}).text == f"{len(bomb)} {coding}"
    answer = app.post(
        f"{DURABLE}/orchestrators/waits/zipped", gzip.compress(b"1"), {"Content-Encoding": coding}
    )
    assert answer.status == 400


def test_webhook_waits_no_longer_for_a_slow_body_than_a_function(
    app: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BODY_SECONDS", 0.2)
    head = f"POST {DURABLE}/orchestrators/waits HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"
    assert b" 408 " in first_line(app.origin, head.encode() + b"abc")


@pytest.mark.parametrize(
    "body", ["[" * 10_000 + "]" * 10_000, '{"a":' * 501 + "1" + "}" * 501, "[" * 981 + "]" * 981]
)
@pytest.mark.parametrize("path", ["orchestrators/waits/deep", "instances/one/raiseEvent/Go"])
def test_json_nested_too_deep_is_400(
    app: RunningApp, caplog: pytest.LogCaptureFixture, path: str, body: str
) -> None:
    assert app.post(f"{DURABLE}/orchestrators/waits/one").status == 202
    answer = app.post(f"{DURABLE}/{path}", body, {"Content-Type": "application/json"})
    assert (answer.status, answer.json()["ExceptionMessage"]) == (400, "Invalid JSON content")
    assert not [record for record in caplog.records if record.exc_info]


def test_json_that_is_long_but_not_deep_is_taken(app: RunningApp) -> None:
    for body in ("[" + "[]," * 5000 + "1]", '"' + "[" * 5000 + '"', "[" * 500 + "]" * 500):
        assert app.post(f"{DURABLE}/orchestrators/waits", body).status == 202


def test_time_before_the_first_year_is_no_time(app: RunningApp) -> None:
    before = "createdTimeFrom=0001-01-01T00:00:00%2B23:59"
    assert app.get(f"{DURABLE}/instances/?{before}").status == 200  # as without, contract B7
    assert app.request("DELETE", f"{DURABLE}/instances/?{before}").status == 400
