"""The app's orchestrators and activities as the Durable engine wants them (durable.catalog.FunctionCatalog)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from azure.functions.meta import Datum

from functions_host.durable.orchestrating.placement import ReplayPlacement
from functions_host.errors import StartRefusedError
from functions_host.invoking.invocation import Invoker
from functions_host.loading.functions import LoadedFunction


class AppCatalog:
    """Finds durable functions by name, ignoring case, and invokes them."""

    def __init__(self, functions: Iterable[LoadedFunction], invoker: Invoker) -> None:
        durable = list(functions)
        self._invoker = invoker
        self._placement = ReplayPlacement()
        self._loop_thread = 0
        self._orchestrators = {
            name: replace(function, call=self._timed(function))
            for name, function in _by_durable_name(durable, "orchestration").items()
        }
        self._activities = _by_durable_name(durable, "activity")
        self.orchestrators: Mapping[str, LoadedFunction] = {
            function.durable_name: function for function in self._orchestrators.values()
        }

    def has_orchestrator(self, name: str) -> bool:
        return name.lower() in self._orchestrators

    def has_activity(self, name: str) -> bool:
        return name.lower() in self._activities

    async def invoke_orchestrator(self, name: str, context_json: str) -> str:
        function = self._orchestrators[name.lower()]
        self._loop_thread = threading.get_ident()
        datum = await self._invoker.invoke(
            function,
            {function.trigger.name: Datum(context_json, "string")},
            on_loop=self._placement.on_loop(function.name, len(context_json)),
        )
        if datum is None or not isinstance(datum.value, str):
            raise TypeError(f"orchestrator {name!r} did not return the SDK's state")
        return datum.value

    async def invoke_activity(self, name: str, input_json: str, instance_id: str) -> str | None:
        function = self._activities[name.lower()]
        datum = await self._invoker.invoke(
            function, {function.trigger.name: Datum(input_json, "string")}, subject=instance_id
        )
        return None if datum is None or datum.value is None else str(datum.value)

    def _timed(self, function: LoadedFunction) -> Callable[..., Any]:
        """The orchestrator, telling where and how long it ran; its wait for a thread does not count."""

        def call(**arguments: Any) -> Any:
            started = time.perf_counter()
            try:
                return function.call(**arguments)
            finally:
                on_loop = threading.get_ident() == self._loop_thread
                self._placement.took(function.name, time.perf_counter() - started, on_loop=on_loop)

        return call


def _by_durable_name(functions: Iterable[LoadedFunction], kind: str) -> dict[str, LoadedFunction]:
    found: dict[str, LoadedFunction] = {}
    for function in functions:
        if function.kind != kind:
            continue
        if (key := function.durable_name.lower()) in found:
            raise StartRefusedError(
                function.name, f"another {kind} is already called {function.durable_name!r}"
            )
        found[key] = function
    return found
