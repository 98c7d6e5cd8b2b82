"""The Durable engine as the host sees it: start, stop, the routes to mount, the client binding."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from aiohttp import web

from functions_host.clock import Clock
from functions_host.durable.catalog import FunctionCatalog
from functions_host.durable.options import DurableOptions


class DurableEngine:
    """Runs the app's orchestrations on one SQLite file."""

    def __init__(
        self,
        database: Path | Literal[":memory:"],
        options: DurableOptions,
        catalog: FunctionCatalog,
        clock: Clock,
    ) -> None:
        self.options = options

    async def start(self) -> None:
        """Open the hub (raises HubInUseError, HubNewerError, HubMismatchError) and resume what was in flight."""
        raise NotImplementedError

    async def stop(self, grace_seconds: float) -> None:
        """Take no new work, let running work end within `grace_seconds`, close the database."""
        raise NotImplementedError

    def client_binding(self, origin: str, rpc_base_url: str, system_key: str | None) -> str:
        """Datum of a `durableClient` binding (contract B6).

        `origin` is the public base such as `http://127.0.0.1:7071`;
        `rpc_base_url` the loopback one, ending in `/durabletask/`.
        """
        raise NotImplementedError

    def management_routes(self) -> list[web.RouteDef]:
        """Routes relative to the mount point (`/instances/{id}`, ...): for an aiohttp sub-application."""
        raise NotImplementedError

    def is_idle(self) -> bool:
        """Whether nothing runs and nothing is queued (timers and event waits do not count)."""
        raise NotImplementedError
