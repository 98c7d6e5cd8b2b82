"""`/`, `/admin/host/status`, `/admin/host/ping`, as the real host answers them (contract D)."""

from __future__ import annotations

import platform
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from functions_host import __version__

_HOME_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Your function app is up and running</title></head>
<body><h1>Your function app is up and running</h1><p>functions_host {version}</p></body></html>
"""


class AdminPages:
    """Handlers of one running host.

    `host_id`: what the real host takes from the app's name. `bundle`: `extensionBundle` of host.json. `has_home`: False
    where AzureWebJobsDisableHomepage is set.
    """

    def __init__(
        self, host_id: str, bundle: Mapping[str, Any], has_home: bool, is_ready: Callable[[], bool]
    ) -> None:
        self._host_id = host_id
        self._bundle = bundle
        self._has_home = has_home
        self._is_ready = is_ready
        self._started = time.monotonic()
        self._instance_id = str(uuid.uuid4())

    async def home(self, request: web.Request) -> web.StreamResponse:
        """The home page, or 204 without one."""
        if not self._has_home:
            return web.Response(status=204)
        return web.Response(text=_HOME_PAGE.format(version=__version__), content_type="text/html")

    async def ping(self, request: web.Request) -> web.StreamResponse:
        """200 once everything has started."""
        return web.Response(status=200 if self._is_ready() else 503)

    async def status(self, request: web.Request) -> web.StreamResponse:
        """The fields of the real host, for whoever polls them."""
        body = {
            "id": self._host_id,
            "state": "Running",
            "version": f"4.{__version__}",
            "versionDetails": f"functions_host {__version__} on Python {platform.python_version()}",
            "platformVersion": "",
            "instanceId": self._instance_id,
            "computerName": platform.node(),
            "processUptime": int((time.monotonic() - self._started) * 1000),
            "functionAppContentEditingState": "NotAllowed",
            "extensionBundle": {"id": self._bundle.get("id"), "version": self._bundle.get("version")},
        }
        return web.json_response(body)
