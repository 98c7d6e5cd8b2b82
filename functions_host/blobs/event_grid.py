"""The webhook Event Grid posts blob events to: `/runtime/webhooks/blobs?functionName=Host.Functions.<name>`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from aiohttp import web

from functions_host.blobs.subscriptions import BlobSubscription

_CREATED = "microsoft.storage.blobcreated"
_PREFIX = "host.functions."


class EventGridWebhook:
    """Answers the validation handshake and queues the blobs of created events."""

    def __init__(
        self,
        subscriptions: Mapping[str, BlobSubscription],
        enqueue: Callable[[str, str, str], None],
    ) -> None:
        self._by_function_id = {_PREFIX + name.lower(): found for name, found in subscriptions.items()}
        self._enqueue = enqueue

    async def answer(self, request: web.Request) -> web.StreamResponse:
        subscription = self._by_function_id.get(request.query.get("functionName", "").lower())
        if subscription is None:
            return web.Response(status=404, text="no blob function of that functionName")
        if request.method != "POST":
            return web.Response(status=400)
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "unsubscribe":
            return web.Response(status=202)
        try:
            events = json.loads(await request.read())
        except ValueError:
            return web.Response(status=400, text="the body is not JSON")
        events = events if isinstance(events, list) else [events]
        if kind == "subscriptionvalidation":
            return _validated(events)
        if kind != "notification":
            return web.Response(status=400, text="aeg-event-type must name the kind of delivery")
        for event in events:
            self._take(subscription, event)
        return web.Response(status=202)

    def _take(self, subscription: BlobSubscription, event: Any) -> None:
        if not isinstance(event, dict) or str(event.get("eventType", event.get("type"))).lower() != _CREATED:
            return
        data = event.get("data")
        location = (
            blob_of_url(str(data.get("url", "")), subscription.account.blob_url)
            if isinstance(data, dict)
            else None
        )
        if location is None:
            return
        container, name = location
        pattern = subscription.pattern
        if container.lower() == pattern.container.lower() and pattern.match(name) is not None:
            self._enqueue(subscription.function.name, container, name)


def blob_of_url(url: str, account_url: str) -> tuple[str, str] | None:
    """(container, blob name) of a blob's URL within the account; None for anything else."""
    base = urlsplit(account_url).path.rstrip("/")
    path = urlsplit(url).path
    if base and path.startswith(base + "/"):
        path = path[len(base) :]
    container, _, name = path.lstrip("/").partition("/")
    return (container, unquote(name)) if container and name else None


def _validated(events: list[Any]) -> web.Response:
    data = events[0].get("data") if events and isinstance(events[0], dict) else None
    code = data.get("validationCode") if isinstance(data, dict) else None
    if not code:
        return web.Response(status=400, text="no validationCode")
    return web.json_response({"validationResponse": code})
