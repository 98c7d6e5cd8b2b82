"""What answers on the public address: function routes, admin pages and extension webhooks, one aiohttp application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from azure.functions.meta import Datum

from functions_host.http.datums import request_datum, response_of
from functions_host.http.front_door import front_door
from functions_host.http.keys import KeyRing
from functions_host.http.route_table import Route, RouteTable
from functions_host.invoking.invocation import Invoker

Webhook = tuple[str, Handler | Sequence[web.RouteDef]]
"""The system key that opens it, and what answers: one handler or sub-routes."""

BODY_SECONDS = 60.0
"""A client that takes longer to send its body gets 408."""


class HttpServer:
    """Authorises and answers requests. `keys` None: everything is authorised, as `func start` does.

    `body_limit` in bytes; `client_datums(function name)` gives its durable client bindings; `allowed_hosts` are names
    beside localhost that requests may come for, and pages from, where no key is asked for.
    """

    def __init__(
        self,
        routes: RouteTable,
        invoker: Invoker,
        keys: KeyRing | None,
        body_limit: int,
        client_datums: Callable[[str], Mapping[str, str]],
        allowed_hosts: Collection[str] = (),
    ) -> None:
        self._routes = routes
        self._invoker = invoker
        self._keys = keys
        self._body_limit = body_limit
        self._client_datums = client_datums
        self._allowed_hosts = allowed_hosts
        self.ready = False

    def application(
        self,
        admin: Mapping[str, Handler],
        webhooks: Mapping[str, Webhook],
    ) -> web.Application:
        """The aiohttp application; `admin` handlers by path, `webhooks` by mount path."""
        door = front_door(self._allowed_hosts, keys_decide=self._keys is not None)
        app = web.Application(middlewares=[door], client_max_size=self._body_limit)
        for path, (key_name, answer) in webhooks.items():
            guard = self._webhook_guard(key_name)
            nested = web.Application(middlewares=[guard], client_max_size=self._body_limit)
            if callable(answer):
                nested.router.add_route("*", "", answer)
            else:
                nested.router.add_routes(answer)
            app.add_subapp(path, nested)
        for path, handler in admin.items():
            app.router.add_route("*", path, handler)
        app.router.add_route("*", "/{path:.*}", self._call_function)
        return app

    def behind_master_key(self, handler: Handler) -> Handler:
        """The handler, for whoever sends the master key."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if self._keys is not None and not self._keys.opens_admin(given_key(request)):
                return web.Response(status=401)
            return await handler(request)

        return guarded

    async def _call_function(self, request: web.Request) -> web.StreamResponse:
        if not self.ready:
            return web.Response(status=503)
        found = self._routes.find(request.method, request.rel_url.raw_path)
        if found is None:
            return web.Response(status=404)
        route, values = found
        name = route.function.name
        if self._keys is not None and not self._keys.opens_function(
            name, route.auth_level, given_key(request)
        ):
            return web.Response(status=401)
        if not await _read_in_time(request):
            return web.Response(status=408, headers={"Connection": "close"})
        return await self._invoke(route, request, await request.read(), values)

    async def _invoke(
        self, route: Route, request: web.Request, body: bytes, values: Mapping[str, str]
    ) -> web.StreamResponse:
        function = route.function
        inputs = {function.trigger.name: request_datum(request, body, values)}
        for name, text in self._client_datums(function.name).items():
            inputs[name] = Datum(text, "string")
        try:
            result = await self._invoker.invoke(
                function,
                inputs,
                subject=f"{request.method}:{request.rel_url.raw_path}",
                trace_parent=request.headers.get("traceparent", ""),
            )
            return response_of(result)
        except Exception:  # noqa: BLE001 (the app's own code; already logged with its traceback)
            return web.Response(status=500)

    def _webhook_guard(self, key_name: str) -> Middleware:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not self.ready:
                return web.Response(status=503)
            if self._keys is not None and not self._keys.opens_webhook(key_name, given_key(request)):
                return web.Response(status=401)
            if not await _read_in_time(request):
                return web.Response(status=408, headers={"Connection": "close"})
            return await handler(request)

        return guard


def given_key(request: web.Request) -> str | None:
    """The key a client sent: `x-functions-key`, else `?code=` (contract D)."""
    return request.headers.get("x-functions-key") or request.query.get("code")


async def _read_in_time(request: web.Request) -> bool:
    """Whether the body came within BODY_SECONDS; the request keeps it."""
    if request.can_read_body:  # a GET has none, and need not be watched over
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await request.read()
        except TimeoutError:
            return False
    return True
