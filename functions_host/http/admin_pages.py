"""`/`, `/admin/host/status`, `/admin/host/ping`, as the real host answers them (contract D)."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from functions_host import __version__

_HOME_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Your function app is up and running</title></head>
<body><h1>Your function app is up and running</h1><p>functions_host {version}</p></body></html>
"""


def home_page(disabled: bool) -> web.Response:
    """The home page, or 204 when AzureWebJobsDisableHomepage is set."""
    if disabled:
        return web.Response(status=204)
    return web.Response(text=_HOME_PAGE.format(version=__version__), content_type="text/html")


def status_body(host_id: str, instance_id: str, started: float, bundle: Mapping[str, Any]) -> dict[str, Any]:
    """Body of /admin/host/status; `started` is time.monotonic() at start."""
    return {
        "id": host_id,
        "state": "Running",
        "version": f"4.{__version__}",
        "versionDetails": f"functions_host {__version__} on Python {platform.python_version()}",
        "platformVersion": "",
        "instanceId": instance_id,
        "computerName": platform.node(),
        "processUptime": int((time.monotonic() - started) * 1000),
        "functionAppContentEditingState": "NotAllowed",
        "extensionBundle": {"id": bundle.get("id"), "version": bundle.get("version")},
    }
