"""The Durable engine as the host sees it: start, stop, the routes to mount, the client binding."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from datetime import timedelta
from pathlib import Path
from typing import Literal

from aiohttp import web
from aiohttp.typedefs import Handler

from functions_host.clock import Clock, VirtualClock
from functions_host.durable.activities import ActivityDispatcher
from functions_host.durable.catalog import FunctionCatalog
from functions_host.durable.management import client_urls
from functions_host.durable.management.api import ManagementApi, guarded
from functions_host.durable.management.commands import Commands
from functions_host.durable.options import DurableOptions
from functions_host.durable.orchestrating.dispatcher import OrchestrationDispatcher
from functions_host.durable.sdk import engine_started, engine_stopped, speed_up_sdk
from functions_host.durable.storing.instance import Instance, Work
from functions_host.durable.storing.store import Connect, Store, connect
from functions_host.durable.storing.task_hub import TaskHub

THREAD_SWITCH_SECONDS = 0.0005
"""The event loop gives the interpreter lock away at every SQLite call; with Python's 5 ms a busy function
thread keeps it that long each time (tests/bench/bench_host.py: 1.3 times the rate with 0.5 ms)."""


class DurableEngine:
    """Runs the app's orchestrations on one SQLite file, on the event loop that calls `start`.

    `activity_lease`: for how long after its beginning an activity that died with its host is hidden from the next
    one; None: not at all. `connect` opens SQLite connections; tests replace it to die at chosen commits.
    """

    def __init__(
        self,
        database: Path | Literal[":memory:"],
        options: DurableOptions,
        catalog: FunctionCatalog,
        clock: Clock,
        *,
        activity_lease: timedelta | None = None,
        connect: Connect = connect,
    ) -> None:
        self.options = options
        self._clock = clock
        self._store = Store(database, options.hub_name, connect)
        self._hub = TaskHub(self._store, clock, self._ready)
        self._orchestrations = OrchestrationDispatcher(catalog, options, self._hub, self._start_work)
        self._activities = ActivityDispatcher(
            catalog, self._hub, options.max_concurrent_activities, activity_lease
        )
        self._commands = Commands(self._hub, catalog, options)
        self._api = ManagementApi(self._store, self._commands)
        self._timers: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the hub and resume what was in flight.

        Raises HubInUseError, HubNewerError or HubMismatchError.
        """
        speed_up_sdk()
        sys.setswitchinterval(min(sys.getswitchinterval(), THREAD_SWITCH_SECONDS))
        self._store.open()
        engine_started(self)
        self._hub.resume()
        self._activities.resume()
        self._timers = asyncio.get_running_loop().create_task(self._hub.timers.run())
        if isinstance(self._clock, VirtualClock):
            self._clock.watch(self._only_timers_pending)

    async def stop(self, grace_seconds: float) -> None:
        """Take no new work, let running work end within `grace_seconds`, close the database."""
        if isinstance(self._clock, VirtualClock):
            self._clock.unwatch(self._only_timers_pending)
        if self._timers is not None:
            self._timers.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._timers
        await asyncio.gather(self._orchestrations.stop(grace_seconds), self._activities.stop(grace_seconds))
        await self._store.close()
        await engine_stopped(self)

    def client_binding(self, origin: str, rpc_base_url: str, system_key: str | None) -> str:
        """Datum of a `durableClient` binding (contract B6).

        `origin` is the public base such as `http://127.0.0.1:7071`;
        `rpc_base_url` the loopback one, ending in `/durabletask/`.
        """
        return client_urls.client_binding(origin, rpc_base_url, self.options.hub_name, system_key)

    def management_routes(self) -> list[web.RouteDef]:
        """Routes relative to the mount point (`/instances/{id}`, ...): for an aiohttp sub-application."""
        api = self._api
        one = "/instances/{id}"
        routes: list[tuple[str, str, Handler]] = [
            ("POST", "/orchestrators/{name}", api.start),
            ("POST", "/orchestrators/{name}/{id}", api.start),
            ("GET", "/instances", api.list_all),
            ("GET", "/instances/", api.list_all),
            ("DELETE", "/instances", api.purge_many),
            ("DELETE", "/instances/", api.purge_many),
            ("GET", one, api.status),
            ("DELETE", one, api.purge),
            ("POST", f"{one}/raiseEvent/{{event}}", api.raise_event),
            ("POST", f"{one}/restart", api.restart),
            *[
                ("POST", f"{one}/{name}", api.operation(name))
                for name in ("terminate", "suspend", "resume", "rewind")
            ],
            ("*", "/entities/{name}", api.entities),
            ("*", "/entities/{name}/{key}", api.entities),
        ]
        return [web.route(method, path, guarded(handler)) for method, path, handler in routes]

    @property
    def table_rows_read(self) -> int:
        """Rows that an Azure table would have read so far for clients' questions (ManagementApi)."""
        return self._api.table_rows_read

    def is_idle(self) -> bool:
        """Whether nothing runs and nothing is queued (timers and event waits do not count)."""
        return self._orchestrations.is_idle and self._activities.is_idle and self._store.is_idle

    def _only_timers_pending(self) -> bool:
        return self.is_idle() and (self._hub.timers.pending or self._activities.waits_for_a_lease)

    def _ready(self, instance: Instance) -> None:
        self._orchestrations.ready(instance)

    def _start_work(self, works: list[Work]) -> None:
        self._activities.start(works)
