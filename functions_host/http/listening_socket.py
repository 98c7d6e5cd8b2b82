"""One listening socket and the aiohttp application behind it."""

from __future__ import annotations

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

from functions_host.errors import AddressInUseError

HEADER_SECONDS = 30.0
"""A client that has not sent its first request line and headers by then is cut off (Kestrel's default)."""


class ListeningSocket:
    """Binds `address:port` (0: a free port); `origin` is known once started."""

    def __init__(self, address: str, port: int, header_seconds: float = HEADER_SECONDS) -> None:
        self._address = address
        self._port = port
        self._header_seconds = header_seconds
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._silent: dict[object, asyncio.TimerHandle] = {}

    @property
    def origin(self) -> str:
        """Base URL without a trailing slash; a wildcard address is shown as localhost."""
        host = "localhost" if self._address in {"0.0.0.0", "::"} else self._address  # noqa: S104 (compared)
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    async def start(self, application: web.Application) -> None:
        """Listen; raises AddressInUseError."""
        application.middlewares.append(self._hear)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False)
        await self._runner.setup()
        try:
            self._server = await asyncio.get_running_loop().create_server(
                self._protocol, self._address, self._port
            )
        except OSError as error:
            raise AddressInUseError(
                f"cannot listen on {self._address}:{self._port}: {error.strerror}; choose another port with --port"
            ) from None
        self._port = int(self._server.sockets[0].getsockname()[1])

    async def stop(self, grace_seconds: float) -> None:
        """Accept nothing more; open requests get `grace_seconds`."""
        for deadline in self._silent.values():
            deadline.cancel()
        self._silent.clear()
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._runner is not None:
            server = self._runner.server
            if server is not None:
                server.pre_shutdown()
                await server.shutdown(grace_seconds)
            await self._runner.cleanup()
            self._runner = None

    def _protocol(self) -> asyncio.Protocol:
        if self._runner is None or self._runner.server is None:
            raise RuntimeError("not started")
        handler = self._runner.server()
        self._silent[handler] = asyncio.get_running_loop().call_later(
            self._header_seconds, self._cut_off, handler
        )
        return handler

    def _cut_off(self, handler: RequestHandler) -> None:
        self._silent.pop(handler, None)
        if handler.transport is not None:
            handler.transport.abort()

    @web.middleware
    async def _hear(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        deadline = self._silent.pop(request.protocol, None)
        if deadline is not None:
            deadline.cancel()
        return await handler(request)
