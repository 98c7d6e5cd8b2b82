"""The webhook Event Grid posts blob events to: `/runtime/webhooks/blobs?functionName=Host.Functions.<name>`.

It answers as recorded on Functions host 4.1037 with Storage extension 5.3.10, which checks next to nothing. So does
this one; the log has a line whenever an app or a subscription relies on what Azure does not check.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from aiohttp import web

from functions_host.triggers.blobs.subscriptions import BlobSubscription

_CREATED = "microsoft.storage.blobcreated"
_PREFIX = "Host.Functions."
_IP = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
# Where .NET's storage library takes the account for the first part of the path: addresses, and the emulators' ports.
_PATH_STYLE_PORTS = {first + n for first in (10000, 10100, 11000, 11100) for n in range(5)}

_log = logging.getLogger("functions_host.blobs")


class EventGridWebhook:
    """Answers Event Grid and queues a run for each event.

    `dropped` are functions whose events Azure's host accepts and drops (`never_run` in listener.py).
    """

    def __init__(
        self,
        subscriptions: Mapping[str, BlobSubscription],
        enqueue: Callable[[str, str, str], None],
        dropped: frozenset[str] = frozenset(),
    ) -> None:
        self._by_function_id = {_PREFIX + name: found for name, found in subscriptions.items()}
        self._enqueue = enqueue
        self._dropped = dropped

    async def answer(self, request: web.Request) -> web.StreamResponse:
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "subscriptionvalidation":
            return _validated(await request.read())
        if kind == "notification":
            return self._notified(request.query.get("functionName"), await request.read())
        if kind == "unsubscribe":
            return web.Response(status=202)
        return web.Response(status=200 if request.method == "OPTIONS" else 400)

    def _notified(self, function_id: str | None, body: bytes) -> web.Response:
        """Events are taken one by one: a broken one is 500, and those before it run."""
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            return _broken("the body is not JSON")
        if not isinstance(told, list | dict):
            return _broken("the body is neither an event nor a list of events")
        for event in told if isinstance(told, list) else [told]:
            location = blob_of_event(event)
            if location is None:
                return _broken("an event has no data.url")
            self._take(function_id, event, *location)
        return web.Response(status=202)

    def _take(self, function_id: str | None, event: dict[str, Any], container: str, name: str) -> None:
        where = f"{container}/{name}"
        if function_id is None:
            _log.error(
                "AZURE'S HOST WOULD END HERE (recorded on 4.1037: \"Invalid function ID.\"): an event of %r came to the"
                " blob webhook without a functionName. It was dropped.", where,
            )  # fmt: skip
            return
        subscription = self._by_function_id.get(function_id)
        if subscription is None:
            _log.warning(
                "an event of %r names the function %r, which is no blob function of this app (case counts):"
                " dropped, as in Azure, where no line says so", where, function_id,
            )  # fmt: skip
        elif subscription.function.name in self._dropped:
            _log.warning("an event of %r for %s: dropped, see the warning at start", where, function_id)
        elif not name:
            _log.warning(
                "an event for %s names no blob, only the container %r: dropped", function_id, container
            )
        else:
            self._warn(subscription, event, container, name)
            self._enqueue(subscription.function.name, container, name)

    def _warn(self, subscription: BlobSubscription, event: dict[str, Any], container: str, name: str) -> None:
        name_of = subscription.function.name
        where = f"{container}/{name}"
        kind = str(event.get("eventType") or event.get("type") or "")
        if kind.lower() != _CREATED:
            _log.warning("%s runs for %r although the event is %r: Azure does not look", name_of, where, kind)
        if container != subscription.pattern.container or subscription.pattern.match(name) is None:
            _log.warning(
                "%s runs for %r, which its path does not match: Azure does not look, filter the subscription by"
                " subjectBeginsWith", name_of, where,
            )  # fmt: skip
        if not str(event["data"]["url"]).startswith(subscription.account.blob_url + "/"):
            _log.warning(
                "%s runs for %r of its own account although the event's url is of another: Azure does not look",
                name_of, where,
            )  # fmt: skip


def blob_of_event(event: Any) -> tuple[str, str] | None:
    """(container, blob name) out of the event's `data.url`; None where the host fails. The name may be empty."""
    data = event.get("data") if isinstance(event, dict) else None
    url = data.get("url") if isinstance(data, dict) else None
    return blob_of_url(url) if isinstance(url, str) else None


def blob_of_url(url: str) -> tuple[str, str] | None:
    """(container, blob name) of a blob's URL, in whatever account; None for what is no such URL."""
    try:
        url.encode()  # half a surrogate pair names nothing
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname:
        return None
    path = parts.path.lstrip("/")
    if _IP.fullmatch(parts.hostname) or port in _PATH_STYLE_PORTS:
        path = path.partition("/")[2]
    container, _, name = path.partition("/")
    return (unquote(container), unquote(name)) if container else None


def _validated(body: bytes) -> web.Response:
    """The handshake; nobody looks whether there is such a function."""
    try:
        told = json.loads(body)
        event = told[0] if isinstance(told, list) else told
        code = event["data"]["validationCode"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return _broken("the handshake has no validationCode")
    text = json.dumps({"validationResponse": code}, separators=(",", ":"))
    return web.Response(text=text, content_type="text/plain", charset="utf-8")


def _broken(reason: str) -> web.Response:
    """What Azure's host answers, with nothing in it, to a request that it fails on; the log has the reason."""
    _log.warning("blob webhook: %s (500, as in Azure)", reason)
    return web.Response(status=500)
