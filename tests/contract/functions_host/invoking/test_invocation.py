"""Contract, section E: how functions are checked at load and called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions_host.errors import AppLoadError, StartRefusedError
from functions_host.testing import RunningApp

AppOf = Callable[..., RunningApp]

DURABLE = """
@app.orchestration_trigger(context_name="context")
def run(context):
    name, value = context.get_input()
    result = yield context.call_activity(name, value)
    return result
"""


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("@app.route()\ndef f(req, extra): pass", "not bound by a decorator: \\['extra'\\]"),
        ("@app.route()\ndef f(request): pass", "not bound"),
        (
            "@app.route()\n@app.durable_client_input(client_name='c')\nasync def f(req): pass",
            "without a parameter",
        ),
        ("@app.route()\ndef f(req: int): pass", "does not suit its binding"),
        ("@app.route()\ndef f(req: 5): pass", "annotation"),
        ("@app.route()\ndef f(req: func.HttpRequest) -> int: pass", "does not suit binding"),
        ("@app.route()\ndef f(req: func.Out[str]): pass", "must not be azure.functions.Out"),
        ("@app.route()\ndef f(req, context: int): pass", "azure.functions.Context"),
        (
            "@app.timer_trigger(schedule='0 * * * * *', arg_name='t')\ndef f(t: func.HttpRequest): pass",
            "does not suit",
        ),
        ("@app.timer_trigger(schedule='never', arg_name='t')\ndef f(t): pass", "schedule"),
        ("@app.blob_trigger(arg_name='b', path='{c}/x', connection='S')\ndef f(b): pass", "container"),
        (
            "@app.blob_trigger(arg_name='b', path='c/x', connection='S', source='Sky')\ndef f(b): pass",
            "source",
        ),
        (
            "@app.queue_trigger(arg_name='m', queue_name='q', connection='S')\ndef f(m): pass",
            "'queueTrigger'",
        ),
        (
            "@app.route()\n@app.blob_input(arg_name='b', path='c/x', connection='S')\ndef f(req, b): pass",
            "'blob'",
        ),
        (
            "@app.route()\n@app.queue_output(arg_name='o', queue_name='q', connection='S')\ndef f(req, o): pass",
            "'queue'",
        ),
        (
            "@app.timer_trigger(schedule='0 * * * * *', arg_name='t')\n"
            "@app.retry(strategy='fixed_delay', max_retry_count='2', delay_interval='00:00:01')\n"
            "def f(t): pass",
            "retry policies",
        ),
        ("@app.entity_trigger(context_name='context')\ndef f(context): pass", "entities are not supported"),
        (
            "@app.orchestration_trigger(context_name='context')\n"
            "def f(context):\n    yield context.call_http('GET', 'http://x/')",
            "call_http is not supported",
        ),
        (
            "@app.orchestration_trigger(context_name='context')\n"
            "def f(context):\n    yield context.task_all([context.call_entity(e, 'add') for e in context.get_input()])",
            "entities are not supported .*call_entity",
        ),
        (
            "@app.orchestration_trigger(context_name='context')\n"
            "def f(context):\n    context.signal_entity(df.EntityId('c', 'k'), 'add')\n    yield",
            "entities are not supported .*signal_entity",
        ),
        (
            "@app.route()\n@app.durable_client_input(client_name='c')\n"
            "async def f(req, c):\n    return str(await c.read_entity_state(df.EntityId('c', 'k')))",
            "entities are not supported .*read_entity_state",
        ),
        (
            "@app.route()\n@app.durable_client_input(client_name='c', task_hub='Other')\nasync def f(req, c): pass",
            "hub",
        ),
        ("@app.function_name('host')\n@app.route()\ndef f(req): pass", "not be 'host'"),
        ("@app.function_name('1st')\n@app.route()\ndef f(req): pass", "start with a letter"),
        (
            "@app.activity_trigger(input_name='x', activity='A')\ndef f(x): pass\n"
            "@app.activity_trigger(input_name='x', activity='a')\ndef g(x): pass",
            "already called",
        ),
    ],
)
def test_function_the_worker_or_the_host_cannot_run_is_refused_by_name(
    app_of: AppOf, source: str, reason: str
) -> None:
    with pytest.raises(StartRefusedError, match=reason):
        app_of(source, settings={"S": "UseDevelopmentStorage=true"})


def test_activity_that_is_only_called_call_http_is_no_reason_to_refuse(app_of: AppOf) -> None:
    app = app_of(
        """
    @app.activity_trigger(input_name="url")
    def call_http(url):
        return url

    @app.orchestration_trigger(context_name="context")
    def asks(context):
        return (yield context.call_activity(call_http, "u"))
    """
    )
    assert app.orchestrations.wait(app.orchestrations.start("asks")).output == "u"


def test_function_without_a_trigger_is_refused(app_of: AppOf) -> None:
    with pytest.raises(AppLoadError, match="functions cannot be built"):
        app_of("@app.function_name('f')\ndef f(): pass")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import azure.functions as func\na = func.FunctionApp()\nb = func.FunctionApp()\n", "has 2"),
        ("x = 1\n", "has no"),
        ("import no_such_module\n", "no_such_module"),
        ("raise ValueError('at import')\n", "at import"),
    ],
)
def test_module_without_exactly_one_app_is_refused(app_of: AppOf, source: str, reason: str) -> None:
    with pytest.raises(AppLoadError, match=reason):
        app_of(source, bare=True)


def test_context_argument_is_supplied_when_wanted(app_of: AppOf) -> None:
    app = app_of("""
    @app.route()
    def f(req: func.HttpRequest, context: func.Context) -> str:
        same = context.thread_local_storage.invocation_id == context.invocation_id
        trace, retries = context.trace_context.trace_parent, context.retry_context.retry_count
        return f"{context.function_name} {same} {trace} {retries}"
    """)
    parent = "00-11111111111111111111111111111111-2222222222222222-01"
    assert app.get("/api/f", {"traceparent": parent}).text == f"f True {parent} 0"
    assert app.get("/api/f").text.split()[2].startswith("00-")


def test_sync_functions_run_in_threads_and_async_ones_on_one_loop(app_of: AppOf) -> None:
    app = app_of("""
    @app.route()
    def sync(req: func.HttpRequest) -> str:
        return threading.current_thread().name

    @app.route()
    async def on_loop(req: func.HttpRequest) -> str:
        return threading.current_thread().name + str(id(asyncio.get_running_loop()))
    """)
    assert app.get("/api/sync").text.startswith("function")
    assert app.get("/api/on_loop").text == app.get("/api/on_loop").text != app.get("/api/sync").text


def test_thread_pool_has_as_many_threads_as_the_setting_says(app_of: AppOf) -> None:
    app = app_of(
        DURABLE
        + """
running = 0
peak = 0
lock = threading.Lock()

@app.activity_trigger(input_name="x")
def work(x):
    global running, peak
    with lock:
        running += 1
        peak = max(peak, running)
    time.sleep(0.05)
    with lock:
        running -= 1
    return 0

@app.orchestration_trigger(context_name="context")
def fan(context):
    yield context.task_all([context.call_activity("work", n) for n in range(6)])

@app.route()
async def peak_seen(req: func.HttpRequest) -> str:
    return str(peak)
""",
        settings={"PYTHON_THREADPOOL_THREAD_COUNT": "2"},
    )
    app.orchestrations.wait(app.orchestrations.start("fan"))
    assert app.get("/api/peak_seen").text == "2"


def test_blueprints_are_indexed(app_of: AppOf) -> None:
    app = app_of("""
    blue = df.Blueprint()
    @blue.route(auth_level=func.AuthLevel.ANONYMOUS)
    def printed(req: func.HttpRequest) -> str:
        return "blue"
    app.register_functions(blue)
    """)
    assert app.get("/api/printed").text == "blue"


def test_activity_may_have_a_name_of_its_own_and_any_json_value(app_of: AppOf) -> None:
    app = app_of(
        DURABLE
        + """
@app.activity_trigger(input_name="value", activity="Echo")
def echo(value):
    return value

@app.activity_trigger(input_name="value")
async def echo_async(value, context):
    return [value, context.function_name]
"""
    )

    def outcome(name: str, value: Any) -> Any:
        return app.orchestrations.wait(app.orchestrations.start("run", [name, value])).output

    assert [outcome("echo", value) for value in ({"a": [1]}, "text", None, 5)] == [
        {"a": [1]},
        "text",
        None,
        5,
    ]
    assert outcome("echo_async", 1) == [1, "echo_async"]


def test_function_without_return_binding_must_not_return(app_of: AppOf) -> None:
    app = app_of("""
    @app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="t", run_on_startup=True)
    def gives(t: func.TimerRequest):
        return 5
    """)
    app.wait_until(lambda: bool(app.invocation_log))
    assert "without a $return binding" in app.invocation_log[0]


def test_sync_function_with_a_durable_client_is_refused(app_of: AppOf) -> None:
    """The SDK's wrapper awaits it, so every call would fail; better to hear of it at start."""
    source = "@app.route()\n@app.durable_client_input(client_name='c')\ndef f(req, c): return ''"
    with pytest.raises(StartRefusedError, match="async def"):
        app_of(source)


def test_apps_take_turns_in_one_process(app_of: AppOf) -> None:
    first = app_of('@app.route()\ndef who(req: func.HttpRequest) -> str:\n    return "first"')
    second = app_of('@app.route()\ndef who(req: func.HttpRequest) -> str:\n    return "second"')
    assert [first.get("/api/who").text, second.get("/api/who").text] == ["first", "second"]


def test_settings_are_visible_to_the_app_only_while_it_runs(
    app_of: AppOf, monkeypatch: pytest.MonkeyPatch, app_folder: Callable[..., Path]
) -> None:
    import os

    source = '@app.route()\ndef see(req: func.HttpRequest) -> str:\n    return os.environ["FROM_TEST"]'
    app = app_of(source, settings={"FROM_TEST": "yes"})
    assert app.get("/api/see").text == "yes"
    app.close()
    assert "FROM_TEST" not in os.environ


def test_orchestrators_may_use_an_event_loop_of_their_own_wherever_they_are_replayed(app_of: AppOf) -> None:
    app = app_of(
        """
    async def doubled(value):
        return value * 2

    @app.orchestration_trigger(context_name="context")
    def doubles(context):
        return asyncio.run(doubled(context.get_input()))
    """
    )
    outputs = [app.orchestrations.wait(app.orchestrations.start("doubles", n)).output for n in range(6)]
    assert outputs == [0, 2, 4, 6, 8, 10]


def test_orchestrator_that_blocks_does_not_stop_the_host(app_of: AppOf) -> None:
    """Even one that was quick at first and then waits for the host's own answer, which is against the rules."""
    app = app_of(
        """
    import urllib.request

    @app.route()
    def answer(req: func.HttpRequest) -> str:
        return "here"

    @app.orchestration_trigger(context_name="context")
    def asks(context):
        with urllib.request.urlopen(context.get_input(), timeout=10) as answered:
            return answered.read().decode()
    """
    )
    url = f"{app.origin}/api/answer"
    assert app.orchestrations.wait(app.orchestrations.start("asks", url)).output == "here"
