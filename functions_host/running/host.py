"""The running host: starts what the app needs in order, stops it in reverse.

Order of start: host lock on the state folder, sockets (503 until ready), Durable engine, triggers, ready.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TextIO

from aiohttp import web

from functions_host.clock import Clock, SystemClock
from functions_host.durable import DurableEngine, DurableOptions
from functions_host.durable.activities import ACTIVITY_LEASE
from functions_host.errors import SettingsError
from functions_host.http.admin_pages import AdminPages
from functions_host.http.front_door import front_door, is_loopback
from functions_host.http.keys import load_keys
from functions_host.http.listening_socket import ListeningSocket
from functions_host.http.route_table import RouteTable
from functions_host.http.server import HttpServer, Webhook
from functions_host.invoking.invocation import Invoker
from functions_host.invoking.logs import InvocationLog
from functions_host.invoking.worker import Crash, Worker
from functions_host.loading.app_settings import find
from functions_host.loading.host_json import section
from functions_host.running.app_catalog import AppCatalog
from functions_host.running.application import Application
from functions_host.running.state_directory import StateDirectory
from functions_host.triggers.blobs.listener import BlobListener
from functions_host.triggers.blobs.queue import BLOB_LEASE
from functions_host.triggers.timers.listener import TimerListener, TimerStatusStore

STOP_SECONDS = 10.0
"""Everything is down this long after a stop is asked for; container engines wait no longer before they kill."""


@dataclass(frozen=True)
class HostConfiguration:
    """How to run an app; `state` None keeps everything in memory, `port` 0 picks a free one."""

    state: Path | None
    address: str = "127.0.0.1"
    port: int = 7071
    enable_auth: bool = False
    log_stream: TextIO | None = None
    azure_delays: bool = False
    """Whether what a killed host was working on stays leased for as long as in Azure: ACTIVITY_LEASE, BLOB_LEASE."""
    allowed_hosts: Sequence[str] = ()
    """Names beside localhost that requests may come for, and pages from, while no key is required."""

    def __post_init__(self) -> None:
        """Raises SettingsError for an address that a network reaches while no key is required."""
        if not (self.enable_auth or is_loopback(self.address)):
            raise SettingsError(
                f"--address {self.address} would let everyone who reaches this computer run the app's functions"
                " without a key: add --enable-auth, or listen on 127.0.0.1"
            )


class FunctionsHost:
    """One app, running. All methods belong to one event loop."""

    def __init__(
        self, app: Application, configuration: HostConfiguration, clock: Clock | None = None
    ) -> None:
        self.app = app
        self._configuration = configuration
        self.keys = load_keys(None, [])
        self._clock = clock or SystemClock()
        self._server: HttpServer | None = None
        self._state: StateDirectory | None = None
        self._public = ListeningSocket(configuration.address, configuration.port)
        self._loopback = ListeningSocket("127.0.0.1", 0)
        self._engine: DurableEngine | None = None
        self._client_text = ""
        self._client_names = {f.name: [binding.name for binding in f.durable_clients] for f in app.functions}
        log = InvocationLog(configuration.log_stream, app.options.log_levels)
        self._worker = Worker(self._clock)
        self._invoker = Invoker(app.threads, app.options.timeout_seconds, log, self._worker)
        self._blobs: BlobListener | None = None
        self._timers: TimerListener | None = None
        self._admin = AdminPages(
            host_id=app.root.name.lower() or "app",
            bundle=section(app.options.document, "extensionBundle") or {},
            has_home=(find(app.settings, "AzureWebJobsDisableHomepage") or "").lower() != "true",
            is_ready=lambda: self._server is not None and self._server.ready,
        )

    @property
    def origin(self) -> str:
        """Base URL of the public listener, such as `http://127.0.0.1:7071`."""
        return self._public.origin

    @property
    def is_idle(self) -> bool:
        """Whether no orchestration can advance and no blob is queued (timers and open requests do not count)."""
        blobs_idle = self._blobs is None or self._blobs.is_idle
        return blobs_idle and (self._engine is None or self._engine.is_idle())

    @property
    def table_rows_read(self) -> int:
        """Rows of the instances table that Azure Storage would have read so far for the app's questions to Durable."""
        return 0 if self._engine is None else self._engine.table_rows_read

    def scan_blobs(self) -> None:
        """Look for new blobs at once."""
        if self._blobs is not None:
            self._blobs.scan_now()

    @property
    def recycling(self) -> asyncio.Event:
        """Set when the worker has crashed so often that the real host ends its own process: stop this one then."""
        return self._worker.recycling

    def crash_worker(self, how: Crash | None = None) -> bool:
        """For tests: crash the worker process, as far as the app can tell (see `functions_host.invoking.worker`).

        False if that was the third crash in a row, after which the host is `recycling`.
        """
        return self._worker.crash(how or Crash())

    async def start(self) -> None:
        """Start; raises StateInUseError, AddressInUseError and what the Durable engine refuses."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop within STOP_SECONDS: no new work, running work gets its time, files are closed."""
        if self._server is not None:
            self._server.ready = False
        grace = STOP_SECONDS * 0.5
        if self._blobs is not None:
            await self._blobs.stop(grace * 0.3)
        if self._timers is not None:
            await self._timers.stop(grace * 0.2)
        await self._public.stop(grace * 0.2)
        if self._engine is not None:
            await self._engine.stop(grace * 0.3)
        await self._loopback.stop(0.1)
        self._invoker.close()
        if self._state is not None:
            self._state.close()
            self._state = None

    async def _start(self) -> None:
        configuration, app = self._configuration, self.app
        if configuration.state is not None:
            self._state = StateDirectory(configuration.state)
        self.keys = load_keys(self._file("keys.json"), [route.function.name for route in app.routes])
        self._engine = self._durable_engine()
        self._blobs = self._blob_listener()
        self._timers = self._timer_listener()
        server = self._server = HttpServer(
            RouteTable(app.routes),
            self._invoker,
            self.keys if configuration.enable_auth else None,
            app.body_limit,
            self._client_datums,
            configuration.allowed_hosts,
        )
        await self._public.start(self._public_application(server))
        if self._engine is not None:
            await self._start_engine(self._engine, self.keys.system["durabletask_extension"])
        if self._blobs is not None:
            self._blobs.start()
        if self._timers is not None:
            self._timers.start()
        server.ready = True

    async def _start_engine(self, engine: DurableEngine, system_key: str) -> None:
        """The SDK's own way in, on a port of its own.

        No client of the SDK sends a key there, so the path holds a secret that is made anew at each start: who did not
        get it from this process finds nothing, be it another user of the computer or a web page.
        """
        secret_path = f"/{secrets.token_urlsafe(32)}/durabletask"
        door = front_door((), keys_decide=False)
        loopback = web.Application(middlewares=[door], client_max_size=self.app.body_limit)
        nested = web.Application(client_max_size=self.app.body_limit)
        nested.router.add_routes(engine.management_routes())
        loopback.add_subapp(secret_path, nested)
        await self._loopback.start(loopback)
        key = system_key if self._configuration.enable_auth else None
        rpc = f"{self._loopback.origin}{secret_path}/"
        self._client_text = engine.client_binding(self.origin, rpc, key)
        await engine.start()

    def _public_application(self, server: HttpServer) -> web.Application:
        webhooks: dict[str, Webhook] = {}
        if self._engine is not None:
            webhooks["/runtime/webhooks/durabletask"] = (
                "durabletask_extension",
                self._engine.management_routes(),
            )
        if self._blobs is not None:
            webhooks["/runtime/webhooks/blobs"] = ("blobs_extension", self._blobs.webhook.answer)
        return server.application(
            {
                "/": self._admin.home,
                "/admin/host/ping": self._admin.ping,
                "/admin/host/status": server.behind_master_key(self._admin.status),
            },
            webhooks,
        )

    def _durable_engine(self) -> DurableEngine | None:
        if not self.app.needs_durable:
            return None
        options = DurableOptions.from_host_json(self.app.options.document)
        catalog = AppCatalog(self.app.functions, self._invoker)
        database = self._database(f"durable-{options.hub_name.lower()}.db")
        lease = ACTIVITY_LEASE if self._configuration.azure_delays else None
        return DurableEngine(database, options, catalog, self._clock, activity_lease=lease)

    def _blob_listener(self) -> BlobListener | None:
        if not self.app.blobs:
            return None
        listener = BlobListener(
            self.app.blobs,
            self._database("blobs.db"),
            self._invoker,
            self._client_datums,
            self.app.options,
            poll_seconds(self.app.settings),
        )
        if self._configuration.azure_delays:
            listener.honour_leases(self._clock, BLOB_LEASE)
        return listener

    def _timer_listener(self) -> TimerListener | None:
        if not self.app.timers:
            return None
        store = TimerStatusStore(self._file("timers.json"))
        return TimerListener(self.app.timers, store, self._invoker, self._client_datums, self._clock)

    def _client_datums(self, function_name: str) -> dict[str, str]:
        """Datum text for each durable client parameter of a function."""
        return dict.fromkeys(self._client_names[function_name], self._client_text)

    def _file(self, name: str) -> Path | None:
        return None if self._state is None else self._state.path / name

    def _database(self, name: str) -> Path | Literal[":memory:"]:
        return self._file(name) or ":memory:"


def poll_seconds(settings: Mapping[str, str]) -> float:
    """FUNCTIONS_HOST_BLOB_POLL_SECONDS: seconds between scans of a container (2, as with Azurite)."""
    text = find(settings, "FUNCTIONS_HOST_BLOB_POLL_SECONDS") or "2"
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86400:
        raise SettingsError(f"FUNCTIONS_HOST_BLOB_POLL_SECONDS must be a number of seconds, not {text!r}")
    return seconds
