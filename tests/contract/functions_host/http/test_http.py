"""Contract, sections D and D2: the HTTP surface, row by row, over real sockets."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from functions_host.errors import StartRefusedError
from functions_host.http import server
from functions_host.testing import RunningApp

AppOf = Callable[..., RunningApp]

ECHO = """
@app.route(route="echo/{id:int?}")
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps({
        "method": req.method, "url": req.url, "headers": dict(req.headers), "params": dict(req.params),
        "route": dict(req.route_params), "body": req.get_body().decode("latin-1"),
    }), mimetype="application/json")
"""

ROUTES = """
@app.route(methods=["GET"])
def plain(req: func.HttpRequest) -> str:
    return "plain"

@app.route(route="items/special")
def special(req: func.HttpRequest) -> str:
    return "special"

@app.route(route="items/{name}", methods=["GET"])
def by_name(req: func.HttpRequest) -> str:
    return "name " + req.route_params["name"]

@app.route(route="items/{id:int}", methods=["GET"])
def by_id(req: func.HttpRequest) -> str:
    return "id " + req.route_params["id"]

@app.route(route="items/{name}", methods=["POST"])
def add(req: func.HttpRequest) -> str:
    return "added " + req.route_params["name"]

@app.route(route="files/{*path}")
def files(req: func.HttpRequest) -> str:
    return req.route_params.get("path", "(none)")
"""

OUTCOMES = """
@app.route()
def text(req: func.HttpRequest) -> str:
    return "héllo"

@app.route()
def nothing(req: func.HttpRequest):
    return None

@app.route()
def number(req: func.HttpRequest):
    return 5

@app.route()
def broken(req: func.HttpRequest) -> str:
    raise ValueError("secret detail")

@app.route()
def leaves(req: func.HttpRequest) -> str:
    raise SystemExit(3)

@app.route()
async def leaves_async(req: func.HttpRequest) -> str:
    raise SystemExit(3)

@app.route()
def full(req: func.HttpRequest) -> func.HttpResponse:
    headers = {"X-One": "1", "Set-Cookie": "a=b; Path=/; HttpOnly"}
    return func.HttpResponse(b"\\x00\\xff", status_code=418, headers=headers, mimetype="application/x-thing")

@app.route()
def length(req: func.HttpRequest) -> str:
    return str(len(req.get_body()))
"""


@pytest.fixture
def routes(app_of: AppOf) -> RunningApp:
    return app_of(ROUTES)


@pytest.fixture
def outcomes(app_of: AppOf) -> RunningApp:
    return app_of(OUTCOMES)


def test_host_listens_on_loopback_unless_told_otherwise(routes: RunningApp) -> None:
    assert urlsplit(routes.origin).hostname == "127.0.0.1"


def test_prefix_is_api_and_route_defaults_to_the_function_name(routes: RunningApp) -> None:
    assert routes.get("/api/plain").text == "plain"
    assert routes.get("/plain").status == 404


def test_empty_route_prefix(app_of: AppOf) -> None:
    app = app_of(ROUTES, host={"extensions": {"http": {"routePrefix": ""}}})
    assert app.get("/plain").text == "plain"


def test_method_not_declared_is_404_not_405(routes: RunningApp) -> None:
    answer = routes.post("/api/plain")
    assert (answer.status, answer.body) == (404, b"")


def test_no_methods_declared_means_any_method(routes: RunningApp) -> None:
    assert [routes.request(method, "/api/items/special").text for method in ("GET", "PUT", "PATCH")] == [
        "special"
    ] * 3


def test_same_route_may_belong_to_two_functions_by_method(routes: RunningApp) -> None:
    assert routes.get("/api/items/x").text == "name x"
    assert routes.post("/api/items/x").text == "added x"


def test_literal_beats_constrained_beats_free_parameter(routes: RunningApp) -> None:
    assert [routes.get(f"/api/items/{part}").text for part in ("special", "12", "twelve")] == [
        "special",
        "id 12",
        "name twelve",
    ]


def test_literals_ignore_case(routes: RunningApp) -> None:
    assert routes.get("/API/Items/SPECIAL").text == "special"


def test_catch_all_takes_slashes_and_may_be_absent(routes: RunningApp) -> None:
    assert routes.get("/api/files/a/b%20c/d").text == "a/b c/d"
    assert routes.get("/api/files").text == "(none)"


def test_unknown_path_is_404_with_an_empty_body(routes: RunningApp) -> None:
    answer = routes.get("/api/items/x/y")
    assert (answer.status, answer.body) == (404, b"")


def test_request_reaches_the_function_as_the_worker_sees_it(app_of: AppOf) -> None:
    app = app_of(ECHO)
    seen = app.request(
        "POST",
        "/api/echo/7?a=1&a=2&empty=&b=%C3%A9",
        b"\x00body",
        {"X-Mixed-Case": "v", "Content-Type": "x/y"},
    ).json()
    assert seen["method"] == "POST"
    assert seen["url"] == f"{app.origin}/api/echo/7?a=1&a=2&empty=&b=%C3%A9"
    assert seen["headers"]["x-mixed-case"] == "v"
    assert seen["params"] == {"a": "1,2", "b": "é"}
    assert seen["route"] == {"id": "7"}
    assert seen["body"] == "\x00body"


def test_absent_optional_route_value_has_no_key(app_of: AppOf) -> None:
    assert app_of(ECHO).get("/api/echo").json()["route"] == {}


def test_failed_constraint_is_404(app_of: AppOf) -> None:
    assert app_of(ECHO).get("/api/echo/seven").status == 404


def test_several_headers_of_one_name_are_joined_by_a_comma(app_of: AppOf) -> None:
    app = app_of(ECHO)
    connection = http.client.HTTPConnection(urlsplit(app.origin).netloc)
    connection.putrequest("GET", "/api/echo")
    connection.putheader("X-Many", "1")
    connection.putheader("X-Many", "2")
    connection.endheaders()
    assert json.loads(connection.getresponse().read())["headers"]["x-many"] == "1,2"
    connection.close()


def test_returned_text_is_200_text_plain(outcomes: RunningApp) -> None:
    answer = outcomes.get("/api/text")
    assert (answer.status, answer.text, answer.headers["Content-Type"]) == (
        200,
        "héllo",
        "text/plain; charset=utf-8",
    )


def test_response_may_come_through_an_output_parameter(app_of: AppOf) -> None:
    app = app_of(
        """
    @app.route(binding_arg_name="answer")
    def sets(req: func.HttpRequest, answer: func.Out[func.HttpResponse]) -> None:
        answer.set(func.HttpResponse("set", status_code=201))

    @app.route(binding_arg_name="answer")
    async def sets_text(req: func.HttpRequest, answer: func.Out[str]):
        answer.set("text")

    @app.route(binding_arg_name="answer")
    def forgets(req: func.HttpRequest, answer: func.Out[func.HttpResponse]) -> None:
        pass
    """
    )
    answers = [app.get(f"/api/{name}") for name in ("sets", "sets_text", "forgets")]
    assert [(answer.status, answer.text) for answer in answers] == [(201, "set"), (200, "text"), (200, "")]


def test_response_keeps_status_headers_body_and_cookies(outcomes: RunningApp) -> None:
    answer = outcomes.get("/api/full")
    assert (answer.status, answer.body, answer.headers["X-One"]) == (418, b"\x00\xff", "1")
    assert answer.headers["Content-Type"] == "application/x-thing"
    assert answer.headers["Set-Cookie"] == "a=b; HttpOnly; Path=/"


@pytest.mark.parametrize("path", ["nothing", "number", "broken", "leaves", "leaves_async"])
def test_failing_function_is_500_with_an_empty_body_and_the_host_lives_on(
    outcomes: RunningApp, path: str
) -> None:
    answer = outcomes.get(f"/api/{path}")
    assert (answer.status, answer.body) == (500, b"")
    assert outcomes.get("/api/text").status == 200


def test_failure_is_in_the_invocation_log_only(outcomes: RunningApp) -> None:
    outcomes.get("/api/broken")
    assert any("status=failed" in line and "secret detail" in line for line in outcomes.invocation_log)


def test_home_page(routes: RunningApp) -> None:
    answer = routes.get("/")
    assert (answer.status, answer.headers.get_content_type()) == (200, "text/html")


def test_home_page_can_be_turned_off(app_of: AppOf) -> None:
    assert app_of(ROUTES, settings={"AzureWebJobsDisableHomepage": "true"}).get("/").status == 204


def test_host_status(routes: RunningApp) -> None:
    status = routes.get("/admin/host/status")
    assert (status.status, status.json()["state"]) == (200, "Running")
    assert {"id", "version", "versionDetails", "instanceId", "computerName", "processUptime"} <= set(
        status.json()
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_host_ping(routes: RunningApp, method: str) -> None:
    assert routes.request(method, "/admin/host/ping").status == 200


KEYED = """
@app.route(auth_level=func.AuthLevel.ANONYMOUS)
def anyone(req: func.HttpRequest) -> str:
    return "ok"

@app.route(auth_level=func.AuthLevel.FUNCTION)
def keyed(req: func.HttpRequest) -> str:
    return "ok"

@app.route(auth_level=func.AuthLevel.FUNCTION)
def other(req: func.HttpRequest) -> str:
    return "ok"

@app.route(auth_level=func.AuthLevel.ADMIN)
def admin(req: func.HttpRequest) -> str:
    return "ok"

@app.route()
@app.durable_client_input(client_name="client")
async def urls(req: func.HttpRequest, client) -> func.HttpResponse:
    return client.create_check_status_response(req, "x")

@app.orchestration_trigger(context_name="context")
def sleeper(context):
    yield context.wait_for_external_event("go")
"""


@pytest.fixture
def keyed(app_of: AppOf) -> RunningApp:
    return app_of(KEYED, enable_auth=True)


def test_everything_is_503_while_the_host_is_not_ready(app_of: AppOf) -> None:
    app = app_of(
        """
    @app.route()
    @app.durable_client_input(client_name="client")
    async def one(req: func.HttpRequest, client) -> str:
        return "here"
    """
    )
    assert app._running._server is not None
    for ready, expected in ((False, 503), (True, 200)):
        app._running._server.ready = ready
        assert app.get("/admin/host/ping").status == expected
        assert app.get("/api/one").status == expected
        assert app.get("/runtime/webhooks/durabletask/instances").status == expected


def test_everything_is_authorised_without_enable_auth(app_of: AppOf) -> None:
    app = app_of(KEYED)
    assert [app.get(f"/api/{name}").status for name in ("anyone", "keyed", "admin")] == [200] * 3


@pytest.mark.parametrize("headers", [{}, {"x-functions-key": "wrong"}, {"x-functions-key": ""}])
def test_no_key_or_a_wrong_one_is_401_with_an_empty_body(keyed: RunningApp, headers: dict[str, str]) -> None:
    for path in (
        "/api/keyed",
        "/api/admin",
        "/admin/host/status",
        "/runtime/webhooks/durabletask/instances/x",
    ):
        answer = keyed.get(path, headers)
        assert (answer.status, answer.body) == (401, b""), path


def test_which_key_opens_what(keyed: RunningApp) -> None:
    keys = keyed.keys
    opened = {
        name: [
            path for path in ("keyed", "other", "admin") if keyed.get(f"/api/{path}?code={key}").status == 200
        ]
        for name, key in (
            ("function", keys.functions["keyed"]),
            ("host", keys.host),
            ("master", keys.master),
            ("system", keys.system["durabletask_extension"]),
        )
    }
    assert opened == {
        "function": ["keyed"],
        "host": ["keyed", "other"],
        "master": ["keyed", "other", "admin"],
        "system": [],
    }


def test_header_key_wins_over_query_key(keyed: RunningApp) -> None:
    query = f"?code={keyed.keys.master}"
    assert keyed.get(f"/api/keyed{query}", {"x-functions-key": "wrong"}).status == 401
    assert keyed.get("/api/keyed?code=wrong", {"x-functions-key": keyed.keys.master}).status == 200


def test_anonymous_functions_need_no_key(keyed: RunningApp) -> None:
    assert keyed.get("/api/anyone").status == 200


def test_durable_webhook_takes_its_system_key_and_hands_it_out(keyed: RunningApp) -> None:
    answer = keyed.get("/api/urls")
    status_url = answer.json()["statusQueryGetUri"]
    assert keyed.keys.system["durabletask_extension"] in status_url
    assert answer.status == 202
    assert keyed.get(status_url.removeprefix(keyed.origin)).status == 404  # past the key; no such instance


def test_check_status_response_has_location_and_the_callers_origin(app_of: AppOf) -> None:
    app = app_of(KEYED)
    port = urlsplit(app.origin).port
    answer = app.get("/api/urls", {"Host": f"localhost:{port}"})
    assert answer.headers["Location"].startswith(f"http://localhost:{port}/runtime/webhooks/durabletask/")
    assert answer.headers["Retry-After"] == "10"


def test_disabled_function_is_404(app_of: AppOf) -> None:
    assert app_of(ROUTES, settings={"AzureWebJobs.plain.Disabled": "true"}).get("/api/plain").status == 404


def test_body_over_the_limit_is_413(app_of: AppOf) -> None:
    app = app_of(OUTCOMES, settings={"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "1000"})
    assert app.post("/api/length", b"x" * 1000).text == "1000"
    assert app.post("/api/length", b"x" * 1001).status == 413


def test_client_that_sends_its_body_too_slowly_gets_408(
    app_of: AppOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "BODY_SECONDS", 0.2)
    app = app_of(OUTCOMES)
    with socket.create_connection((urlsplit(app.origin).hostname, urlsplit(app.origin).port)) as slow:
        slow.sendall(b"POST /api/length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
        assert b" 408 " in slow.recv(200)


def test_unreadable_route_is_refused_with_the_functions_name(app_of: AppOf) -> None:
    source = '@app.route(route="a/{id:nosuch}")\ndef odd(req: func.HttpRequest) -> str:\n    return ""\n'
    with pytest.raises(StartRefusedError, match=r"'odd'.*nosuch"):
        app_of(source)


def test_function_longer_than_the_timeout_fails(app_of: AppOf) -> None:
    source = """
    @app.route()
    async def slow(req: func.HttpRequest) -> str:
        await asyncio.sleep(30)
        return ""
    """
    app = app_of(source, host={"functionTimeout": "00:00:01"})
    assert app.get("/api/slow").status == 500
    assert "functionTimeout" in app.invocation_log[-1]
