"""Between aiohttp and azure.functions: the `http` datum of a request, the response of a datum (contract D)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from azure.functions.meta import Datum
from multidict import CIMultiDict


def request_datum(request: web.Request, body: bytes, route_values: Mapping[str, str]) -> Datum:
    """What the worker would receive: lower-case header names, several values joined by a comma.

    Query parameters with an empty value are dropped: the Python worker declares no nullable
    dictionary capability, so the real host leaves them out.
    """
    return Datum(
        {
            "method": Datum(request.method, "string"),
            "url": Datum(str(request.url), "string"),
            "headers": _joined((name.lower(), value) for name, value in request.headers.items()),
            "query": _joined((name, value) for name, value in request.query.items() if value),
            "params": {name: Datum(value, "string") for name, value in route_values.items() if value},
            "body": Datum(body, "bytes"),
        },
        "http",
    )


def response_of(datum: Datum | None) -> web.Response:
    """The HTTP answer to a function's response; raises TypeError for a value that is none.

    No datum at all (a `func.Out` that was never set) is 200; the real host answered 204 (contract D, GAP).
    """
    if datum is None:
        return web.Response(status=200)
    if datum.type == "string":
        return web.Response(text=str(datum.value))
    if datum.type != "http":
        raise TypeError(f"the function returned {datum.type}, not an HTTP response")
    headers: CIMultiDict[str] = CIMultiDict(
        (name, value.value) for name, value in datum.value["headers"].items()
    )
    for cookie in datum.value.get("cookies") or ():
        for morsel in cookie.values():
            headers.add("Set-Cookie", morsel.OutputString())
    body = datum.value["body"].value
    headers.popall("Content-Length", None)  # aiohttp counts the body itself
    return web.Response(status=int(datum.value["status_code"].value), headers=headers, body=body)


def _joined(pairs: Any) -> dict[str, Datum]:
    values: dict[str, str] = {}
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if name in values else value
    return {name: Datum(value, "string") for name, value in values.items()}
