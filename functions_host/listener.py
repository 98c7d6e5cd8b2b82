"""One listening socket and the aiohttp application behind it."""

from __future__ import annotations

from aiohttp import web

from functions_host.errors import AddressInUseError


class Listener:
    """Binds `address:port` (0: a free port); `origin` is known once started."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def origin(self) -> str:
        """Base URL without a trailing slash; a wildcard address is shown as localhost."""
        host = "localhost" if self._address in {"0.0.0.0", "::"} else self._address  # noqa: S104 (compared, not bound)
        return f"http://[{host}]:{self._port}" if ":" in host else f"http://{host}:{self._port}"

    async def start(self, application: web.Application) -> None:
        """Listen; raises AddressInUseError."""
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._address, self._port)
        try:
            await site.start()
        except OSError as error:
            raise AddressInUseError(
                f"cannot listen on {self._address}:{self._port}: {error.strerror}; choose another with --port"
            ) from None
        addresses = self._runner.addresses
        self._port = int(addresses[0][1])

    async def stop(self, grace_seconds: float) -> None:
        """Accept nothing more; open requests get `grace_seconds`."""
        if self._runner is not None:
            self._runner._shutdown_timeout = grace_seconds
            await self._runner.cleanup()
            self._runner = None
