"""One listening socket and the aiohttp application behind it."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler
from aiohttp.web_protocol import RequestHandler

from functions_host.errors import AddressInUseError

HEADER_SECONDS = 30.0
"""A client that has not sent request line and headers so long after it began is cut off (Kestrel's default)."""
IDLE_SECONDS = 130.0
"""A connection on which no further request begins is closed (Kestrel's default)."""


_log = logging.getLogger("functions_host.http.server")


class ListeningSocket:
    """Binds `address:port` (0: a free port); `origin` is known once started. Bodies stay as they were sent."""

    def __init__(self, address: str, port: int, header_seconds: float = HEADER_SECONDS) -> None:
        self._address = address
        self._port = port
        self._header_seconds = header_seconds
        self._runner: web.AppRunner | None = None
        self._server: asyncio.Server | None = None
        self._connections: dict[RequestHandler, _Connection] = {}

    @property
    def origin(self) -> str:
        """Base URL without a trailing slash; a wildcard address is shown as localhost."""
        host = "localhost" if self._address in {"0.0.0.0", "::"} else self._address  # noqa: S104 (compared)
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    async def start(self, application: web.Application) -> None:
        """Listen; raises AddressInUseError."""
        application.middlewares.insert(0, self._hear)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            keepalive_timeout=IDLE_SECONDS,
            logger=_log,
            auto_decompress=False,  # as Kestrel; and 400 KB of gzip can be 800 MB
        )
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
        for connection in self._connections.values():
            connection.forget_deadline()

    def _protocol(self) -> asyncio.Protocol:
        if self._runner is None or self._runner.server is None:
            raise RuntimeError("not started")
        handler = self._runner.server()
        connection = _Connection(handler, self._header_seconds, self._connections)
        self._connections[handler] = connection
        return connection

    @web.middleware
    async def _hear(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = self._connections.get(request.protocol)
        if connection is None:  # the client has gone meanwhile
            return await handler(request)
        connection.request_began(request)
        try:
            return await handler(request)
        finally:
            connection.request_ended()


class _Connection(asyncio.Protocol):
    """Passes everything on to aiohttp's handler, and cuts off a client that begins headers and does not end them.

    aiohttp has no such limit, neither for the first request of a connection nor for a later one.
    """

    def __init__(
        self, handler: RequestHandler, header_seconds: float, connections: dict[RequestHandler, _Connection]
    ) -> None:
        self._handler = handler
        self._header_seconds = header_seconds
        self._connections = connections
        self._deadline: asyncio.TimerHandle | None = None
        self._request: web.Request | None = None
        self._next_has_begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._handler.connection_made(transport)
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        if self._request is None:
            self._expect_headers()
        elif self._request.content.is_eof():  # its body is complete: this is of the next one
            self._next_has_begun = True
        self._handler.data_received(data)

    def request_began(self, request: web.Request) -> None:
        self._request, self._next_has_begun = request, False
        self.forget_deadline()

    def request_ended(self) -> None:
        self._request = None
        if self._next_has_begun:
            self._expect_headers()

    def eof_received(self) -> bool | None:
        self._handler.eof_received()
        return None

    def pause_writing(self) -> None:
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        self._handler.resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.forget_deadline()
        if self._connections.pop(self._handler, None) is not None:
            self._handler.connection_lost(exc)

    def _expect_headers(self) -> None:
        if self._deadline is None:
            loop = asyncio.get_running_loop()
            self._deadline = loop.call_later(self._header_seconds, self._cut_off)

    def forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut_off(self) -> None:
        if self._handler.transport is not None:
            self._handler.transport.abort()


def _one_line(record: logging.LogRecord) -> bool:
    """What a client sent that is not HTTP is no fault of ours: a line says so, without aiohttp's traceback."""
    fault = record.exc_info[1] if record.exc_info else None
    if isinstance(fault, HttpProcessingError):
        record.msg, record.args = "a request that is not HTTP was answered 400: %.200r", (fault.message,)
        record.exc_info, record.levelno, record.levelname = None, logging.WARNING, "WARNING"
    return True


_log.addFilter(_one_line)
