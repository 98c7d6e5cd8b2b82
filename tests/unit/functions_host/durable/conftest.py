"""Runs the engine with orchestrators made by Microsoft's SDK and drives it with Microsoft's own client.

Everything is real but the rest of the host: `SdkCatalog` calls the functions that the SDK's decorators
made, aiohttp serves the management routes, SQLite holds the state.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest
from aiohttp import web
from azure.durable_functions.models import DurableOrchestrationStatus
from azure.functions.meta import Datum, get_binding_registry

from functions_host.clock import Clock, VirtualClock
from functions_host.durable import DurableEngine, DurableOptions

RPC_PATH = "/durabletask"


class SdkCatalog:
    """FunctionCatalog over the functions of a DFApp."""

    def __init__(self, app: df.DFApp) -> None:
        self.orchestrators: dict[str, Any] = {}
        self.activities: dict[str, tuple[Callable[..., Any], str]] = {}
        self.calls: list[tuple[str, Any]] = []
        self.contexts: list[str] = []
        self._converter = get_binding_registry().get("activityTrigger")  # type: ignore[no-untyped-call]
        app.functions_bindings = {}  # the SDK refuses to list an app's functions twice; restarts need it
        for function in app.get_functions():
            trigger = json.loads(function.get_raw_bindings()[0])
            name = function.get_function_name()
            if trigger["type"] == "orchestrationTrigger":
                self.orchestrators[trigger.get("orchestration") or name] = function.get_user_function()
            elif trigger["type"] == "activityTrigger":
                body = function.get_user_function()
                self.activities[trigger.get("activity") or name] = (body, trigger["name"])

    def has_orchestrator(self, name: str) -> bool:
        return _find(self.orchestrators, name) is not None

    def has_activity(self, name: str) -> bool:
        return _find(self.activities, name) is not None

    async def invoke_orchestrator(self, name: str, context_json: str) -> str:
        self.contexts.append(context_json)
        answer: str = _find(self.orchestrators, name)(context_json)
        return answer

    async def invoke_activity(self, name: str, input_json: str, instance_id: str) -> str | None:
        body, parameter = _find(self.activities, name)
        value = self._converter.decode(Datum(input_json, "string"), trigger_metadata={})
        self.calls.append((name, value))
        result = body(**{parameter: value})
        if inspect.isawaitable(result):
            result = await result
        text: str = self._converter.encode(result, expected_type=None).value
        return text


def _find(functions: Mapping[str, Any], name: str) -> Any:
    return next((value for key, value in functions.items() if key.lower() == name.lower()), None)


class Running:
    """A started engine, its SDK client, and shorthands that read well in a test."""

    def __init__(self, engine: DurableEngine, catalog: SdkCatalog, clock: Clock, origin: str) -> None:
        self.engine = engine
        self.catalog = catalog
        self.clock = clock
        self.origin = origin
        self.rpc = f"{origin}{RPC_PATH}/"
        self.client = df.DurableOrchestrationClient(engine.client_binding(origin, self.rpc, None))

    @property
    def calls(self) -> list[tuple[str, Any]]:
        return self.catalog.calls

    def advance(self, **delta: float) -> None:
        assert isinstance(self.clock, VirtualClock)
        self.clock.advance(timedelta(**delta))

    async def run(self, name: str, client_input: Any = None, instance_id: str | None = None) -> Any:
        """Start, wait for the end, and return the final status."""
        return await self.finished(await self.client.start_new(name, instance_id, client_input))

    async def status(self, instance_id: str, **options: bool) -> DurableOrchestrationStatus:
        return await self.client.get_status(instance_id, **options)

    async def label(self, instance_id: str) -> str:
        return (await self.status(instance_id)).runtime_status.name

    async def finished(self, instance_id: str, seconds: float = 10) -> DurableOrchestrationStatus:
        final = {"Completed", "Failed", "Terminated", "Canceled"}
        async with asyncio.timeout(seconds):
            while (status := await self.status(instance_id)).runtime_status.name not in final:
                await asyncio.sleep(0.002)
        return status

    async def settled(self, seconds: float = 10) -> None:
        """Until nothing runs and nothing is queued."""
        async with asyncio.timeout(seconds):
            await asyncio.sleep(0)
            while not self.engine.is_idle():
                await asyncio.sleep(0.001)

    async def history(self, instance_id: str, **options: bool) -> list[dict[str, Any]]:
        status = await self.client.get_status(instance_id, show_history=True, **options)
        rows: list[dict[str, Any]] = status.historyEvents
        return rows


Start = Callable[..., Any]


@contextlib.asynccontextmanager
async def running(
    app: df.DFApp,
    database: Path | str = ":memory:",
    *,
    clock: Clock | None = None,
    catalog: SdkCatalog | None = None,
    host_json: Mapping[str, Any] | None = None,
    **engine_options: Any,
) -> AsyncIterator[Running]:
    """A started engine behind a real HTTP server."""
    clock = clock or VirtualClock(auto_advance=True, settle_seconds=0.002)
    catalog = catalog or SdkCatalog(app)
    options = DurableOptions.from_host_json({"extensions": {"durableTask": dict(host_json or {})}})
    where: Any = database
    engine = DurableEngine(where, options, catalog, clock, **engine_options)
    await engine.start()
    mounted = web.Application()
    mounted.add_routes(engine.management_routes())
    outer = web.Application()
    outer.add_subapp(RPC_PATH, mounted)
    again = web.Application()
    again.add_routes(engine.management_routes())
    outer.add_subapp("/runtime/webhooks/durabletask", again)
    server = web.AppRunner(outer, access_log=None)
    await server.setup()
    site = web.TCPSite(server, "127.0.0.1", 0)
    await site.start()
    host, port = server.addresses[0][:2]
    try:
        yield Running(engine, catalog, clock, f"http://{host}:{port}")
    finally:
        await server.cleanup()
        await engine.stop(1.0)


@pytest.fixture
def app() -> df.DFApp:
    """An empty app to decorate functions onto."""
    return df.DFApp()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """`await start(app, ...)` gives a Running that ends with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def begin(app: df.DFApp, *arguments: Any, **options: Any) -> Running:
            return await stack.enter_async_context(running(app, *arguments, **options))

        yield begin


@pytest.fixture
def open_engine() -> Callable[..., contextlib.AbstractAsyncContextManager[Running]]:
    """`async with open_engine(app, ...)`: for tests that stop and start again."""
    return running


@pytest.fixture
def start_of_time() -> datetime:
    """Where a VirtualClock begins."""
    return VirtualClock().now()


@pytest.fixture
def sdk_catalog() -> type[SdkCatalog]:
    """The catalog class, for tests that make a misbehaving one."""
    return SdkCatalog
