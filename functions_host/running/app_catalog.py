"""The app's orchestrators and activities as the Durable engine calls them (durable.catalog.FunctionCatalog).

An orchestrator is replayed in a function thread or, once it has proved quick, on the event loop (`ReplayPlacement`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from azure.functions.meta import Datum

from functions_host.errors import StartRefusedError
from functions_host.invoking.invocation import Invoker
from functions_host.loading.functions import LoadedFunction

TRIAL_RUNS = 3
"""Quick replays in a row that an orchestrator must show in threads."""
LONGEST_CONTEXT = 64 * 1024
"""Characters of context JSON; a replay of so many takes some 10 ms."""
SLOW_SECONDS = 0.05
BLOCKED_SECONDS = 1.0


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
        """The orchestrator, reporting where and how long it ran; the wait for a thread does not count."""

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


class ReplayPlacement:
    """Where an orchestrator's replay runs, by how its replays behaved so far. Safe to call from any thread.

    A replay is a few hundred microseconds of pure computing, and handing it to a thread and back costs as
    much again (measured with tests/bench/bench_host.py: 1.3 times the orchestrations per second without). Durable's
    rules forbid an orchestrator to block; one that does anyway must not stop the host, so each orchestrator
    starts in threads, and long histories stay there.

    What counts is the time the replay itself took, not its wait for a thread. On a busy machine a quick
    replay is at times interrupted for long: one that was slow on the loop goes back to threads for twice
    as many trials as before, so one that is often slow is soon never on the loop. One that was slow
    beyond any interruption never returns to it.
    """

    def __init__(self) -> None:
        self._quick_runs: dict[str, int] = {}
        self._trial_runs: dict[str, int] = {}
        self._blocked: set[str] = set()

    def on_loop(self, name: str, context_length: int) -> bool:
        """Whether this replay may run on the event loop."""
        return (
            context_length <= LONGEST_CONTEXT
            and name not in self._blocked
            and self._quick_runs.get(name, 0) >= self._trial_runs.get(name, TRIAL_RUNS)
        )

    def took(self, name: str, seconds: float, *, on_loop: bool) -> None:
        """A replay ran for so long."""
        if seconds > SLOW_SECONDS:
            self._quick_runs[name] = 0
            if on_loop:
                self._trial_runs[name] = 2 * self._trial_runs.get(name, TRIAL_RUNS)
                if seconds > BLOCKED_SECONDS:
                    self._blocked.add(name)
        elif not on_loop:
            self._quick_runs[name] = self._quick_runs.get(name, 0) + 1
