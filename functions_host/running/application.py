"""An app made ready: settings, host.json, functions sorted by trigger, everything checked before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from functions_host.errors import SettingsError, StartRefusedError
from functions_host.http.route_table import Route, route_of
from functions_host.loading.app_settings import find
from functions_host.loading.functions import LoadedFunction
from functions_host.loading.host_json import DEFAULT_BODY_LIMIT, HostOptions, read_host_json
from functions_host.loading.indexing import index_app
from functions_host.loading.supported import check_client, check_orchestrator
from functions_host.triggers.blobs.subscriptions import BlobSubscription, subscription_of
from functions_host.triggers.timers.listener import TimerSubscription, timer_of


@dataclass(frozen=True)
class Application:
    """Everything the host needs to know about the app it runs."""

    root: Path
    options: HostOptions
    functions: Sequence[LoadedFunction]
    routes: Sequence[Route]
    timers: Sequence[TimerSubscription]
    blobs: Sequence[BlobSubscription]
    threads: int | None
    body_limit: int
    settings: Mapping[str, str] = field(repr=False)

    @property
    def needs_durable(self) -> bool:
        """Whether any function is durable or wants a durable client."""
        return any(f.kind in {"activity", "orchestration"} or f.durable_clients for f in self.functions)


def load_application(root: Path, settings: Mapping[str, str]) -> Application:
    """Read and check it all; raises SettingsError, AppLoadError, StartRefusedError."""
    options = read_host_json(root, settings)
    functions = [f for f in index_app(root, settings) if not _disabled(f.name, settings)]
    for function in functions:
        _check_durable_clients(function)
        if function.kind == "orchestration":
            check_orchestrator(function.name, function.call)
    return Application(
        root=root,
        options=options,
        functions=functions,
        routes=[route_of(f, options.route_prefix) for f in functions if f.kind == "http"],
        timers=[timer_of(f, settings) for f in functions if f.kind == "timer"],
        blobs=[subscription_of(f, settings) for f in functions if f.kind == "blob"],
        threads=_thread_count(settings),
        body_limit=_positive(settings, "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT") or DEFAULT_BODY_LIMIT,
        settings=settings,
    )


def _disabled(name: str, settings: Mapping[str, str]) -> bool:
    """`AzureWebJobs.<function>.Disabled=true` (or with underscores, as Linux wants it): the function is not run."""
    value = find(settings, f"AzureWebJobs.{name}.Disabled") or find(settings, f"AzureWebJobs_{name}_Disabled")
    return (value or "").lower() in {"true", "1"}


def _check_durable_clients(function: LoadedFunction) -> None:
    if not function.durable_clients:
        return
    # The SDK's wrapper is async either way.
    written = getattr(function.call, "client_function", function.call)
    if not inspect.iscoroutinefunction(written):
        raise StartRefusedError(function.name, "a function with a durable client must be `async def`")
    check_client(function.name, function.call)
    for client in function.durable_clients:
        if client.properties.get("taskHub") or client.properties.get("connectionName"):
            raise StartRefusedError(
                function.name, "a durable client of another task hub or connection is not supported"
            )


def _thread_count(settings: Mapping[str, str]) -> int | None:
    """PYTHON_THREADPOOL_THREAD_COUNT; unset: Python's own default, where Azure has 1,000 (contract E, GAP)."""
    return _positive(settings, "PYTHON_THREADPOOL_THREAD_COUNT")


def _positive(settings: Mapping[str, str], name: str) -> int | None:
    text = find(settings, name)
    if not text:
        return None
    if not text.isdigit() or int(text) < 1:
        raise SettingsError(f"{name} must be a whole number of at least 1, not {text!r}")
    return int(text)
