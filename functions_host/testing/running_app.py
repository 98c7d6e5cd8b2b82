"""An app under test: started in this process, on a free port, with a state and a clock of its own."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from functions_host.clock import Clock, SystemClock, VirtualClock
from functions_host.http.keys import KeyRing
from functions_host.invoking.worker import Crash
from functions_host.loading.app_modules import AppModules
from functions_host.loading.app_settings import effective, read_local_settings, start_variables
from functions_host.running.application import Application, load_application
from functions_host.running.host import FunctionsHost, HostConfiguration
from functions_host.testing.orchestrations import OrchestrationClient
from functions_host.testing.process import ProcessEnvironment, background_loop
from functions_host.testing.responses import Response, send


def start_app(
    root: Path | str,
    *,
    settings: Mapping[str, str] | None = None,
    state: Path | None = None,
    clock: Clock | None = None,
    virtual_time: bool = False,
    enable_auth: bool = False,
    azure_delays: bool = False,
) -> RunningApp:
    """Start the app at `root`; close it, or use it in a `with` statement.

    `settings` win over local.settings.json and are visible in os.environ until it is closed. `state`: a
    directory that survives a restart; without it everything is in memory. `virtual_time`: durable timers
    fire as soon as nothing else is left to do; `clock` gives one to move by hand. `azure_delays`: activities and
    blobs that were under way when a host died stay hidden for 5 and 10 minutes. Raises what the host raises.
    """
    return RunningApp(
        Path(root).resolve(),
        settings or {},
        state,
        clock or (VirtualClock(auto_advance=True) if virtual_time else SystemClock()),
        enable_auth,
        azure_delays,
    )


class RunningApp:
    """Blocking access to a running app, from any thread."""

    def __init__(
        self,
        root: Path,
        settings: Mapping[str, str],
        state: Path | None,
        clock: Clock,
        enable_auth: bool,
        azure_delays: bool,
    ) -> None:
        self.clock = clock
        self._log = io.StringIO()
        self._loop = background_loop()
        self._environment = ProcessEnvironment(_layers(root, settings))
        self._modules = AppModules(root, first=True)
        self._host: FunctionsHost | None = None
        try:
            self.application: Application = self._loop.call(lambda: load_application(root, dict(os.environ)))
            configuration = HostConfiguration(state, "127.0.0.1", 0, enable_auth, self._log, azure_delays)
            host = self._loop.call(lambda: FunctionsHost(self.application, configuration, clock))
            self._loop.run(host.start())
            self._host = host
        except BaseException:
            self.close()
            raise
        self.orchestrations = OrchestrationClient(self._management)

    @property
    def origin(self) -> str:
        """Base URL, such as `http://127.0.0.1:41234`."""
        return self._running.origin

    @property
    def keys(self) -> KeyRing:
        """The app's keys; needed with `enable_auth`."""
        return self._running.keys

    @property
    def invocation_log(self) -> list[str]:
        """One line per invocation so far."""
        return self._log.getvalue().splitlines()

    @property
    def table_rows_read(self) -> int:
        """Rows of Durable's instances table that Azure Storage, which has no index but the id, would have read so far.

        One for each question about one instance; the whole table, or an id prefix of it, for each by filter.
        """
        return self._loop.call(lambda: self._running.table_rows_read)

    def request(
        self, method: str, path: str, body: bytes | str | Any = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send a request; a body that is neither bytes nor text is sent as JSON."""
        content = None if body is None else body
        if isinstance(content, str):
            content = content.encode()
        elif content is not None and not isinstance(content, bytes):
            content = json.dumps(content).encode()
        return send(method, self.origin + path, content, headers)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        return self.request("GET", path, None, headers)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Response:
        return self.request("POST", path, body, headers)

    def advance(self, by: timedelta) -> None:
        """Move a virtual clock; timers that become due fire."""
        if not isinstance(self.clock, VirtualClock):
            raise TypeError("give start_app a VirtualClock to advance time")
        clock = self.clock
        self._loop.call(lambda: clock.advance(by))

    def crash_worker(
        self, exit_code: int = 137, *, unnoticed_seconds: float = 0.05, away_seconds: float = 0.1
    ) -> None:
        """Crash the worker process, as far as the app can tell: see `functions_host.invoking.worker`.

        What runs fails, so does what begins within `unnoticed_seconds` of real time; what comes later waits until
        `away_seconds` are over. The third crash in a row ends the host: the app is closed then.
        """
        how = Crash(exit_code, unnoticed_seconds, away_seconds)
        if not self._loop.call(lambda: self._running.crash_worker(how)):
            self._loop.run(self._running.recycling.wait())
            self.close()

    def scan_blobs(self) -> None:
        """Look for new blobs at once instead of at the next interval."""
        self._loop.call(self._running.scan_blobs)

    def wait_until_idle(self, seconds: float = 30.0) -> None:
        """Wait in real time until no orchestration can advance and no blob waits; raises TimeoutError."""
        self.wait_until(lambda: self._loop.call(lambda: self._running.is_idle), seconds)

    def wait_until(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait in real time until `holds()`; raises TimeoutError with the last lines of the invocation log."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"not so after {seconds:g} s; last invocations: {self.invocation_log[-5:]}"
                )
            time.sleep(0.005)

    def close(self) -> None:
        """Stop the host and put the process back as it was; a second call does nothing."""
        host, self._host = self._host, None
        if host is not None:
            self._loop.run(host.stop())
        self._modules.close()
        self._environment.restore()

    def __enter__(self) -> RunningApp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _running(self) -> FunctionsHost:
        if self._host is None:
            raise RuntimeError("the app is closed")
        return self._host

    def _management(self, method: str, path: str, text: str | None) -> Response:
        headers = {"Content-Type": "application/json", "x-functions-key": self.keys.master}
        return self.request(method, f"/runtime/webhooks/durabletask/{path}", text, headers)


def _layers(root: Path, settings: Mapping[str, str]) -> dict[str, str]:
    local = read_local_settings(root).values
    return effective(settings, effective(os.environ, local, start_variables(root, "127.0.0.1")))
