"""The management API over HTTP (contract B7): the same handlers for the SDK's loopback calls and the webhook.

Handlers only translate: they read the request, call `Commands` or `queries`, and word the response.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from functions_host.durable.errors import RequestRefusedError
from functions_host.durable.events import dumps
from functions_host.durable.management.client_urls import management_urls
from functions_host.durable.management.commands import Commands, check_json
from functions_host.durable.management.query_string import QueryString
from functions_host.durable.management.status_view import history_rows, status_body
from functions_host.durable.status import Status
from functions_host.durable.storing.queries import (
    Filter,
    Snapshot,
    read_history,
    read_snapshot,
    read_snapshots,
    rows_an_azure_table_reads,
)
from functions_host.durable.storing.store import Store

_log = logging.getLogger("functions_host.durable.management_api")

CONTINUATION_HEADER = "x-ms-continuation-token"
DEFAULT_PAGE = 100
"""Instances in a listing that does not say `top`. SDK 1.x never asks for the next page, so in Azure too its
`get_status_all` and `get_status_by` see no more than these (azure-functions-durable-python#580)."""
_LONGEST_WAIT_SECONDS = 230.0


class ManagementApi:
    """Handlers over one started engine."""

    def __init__(self, store: Store, commands: Commands) -> None:
        self._store = store
        self._commands = commands
        self.table_rows_read = 0
        """Rows that an Azure table would have read so far for clients' questions: one for each about one instance,
        and the whole table, or an id prefix of it, for each by filter."""

    async def start(self, request: web.Request) -> web.StreamResponse:
        """POST orchestrators/{name}[/{id}]: 202 with the management URLs."""
        text = await _json_text(request)
        query = QueryString(request)
        instance_id = await self._commands.start(
            request.match_info["name"],
            request.match_info.get("id") or None,
            text,
            query.text("version"),
        )
        return await self._created(request, instance_id)

    async def restart(self, request: web.Request) -> web.StreamResponse:
        """POST instances/{id}/restart: 202 with the URLs of the new run."""
        under_new_id = QueryString(request).flag("restartWithNewInstanceId", default=True)
        new = await self._commands.restart(request.match_info["id"], under_new_id=under_new_id)
        return await self._created(request, new)

    async def _created(self, request: web.Request, instance_id: str) -> web.StreamResponse:
        query = QueryString(request)
        timeout, interval = query.number("timeout"), query.number("pollingInterval")
        if timeout is not None and interval is not None:
            finished = await self._wait(instance_id, min(timeout, _LONGEST_WAIT_SECONDS))
            if finished is not None:
                return _finished_answer(finished)
        base = (
            str(request.url.origin())
            + request.path.partition("/orchestrators/")[0].partition("/instances/")[0]
        )
        urls = management_urls(base, instance_id, query.carried_on())
        return _json(urls, 202, {"Location": urls["statusQueryGetUri"], "Retry-After": "10"})

    async def _wait(self, instance_id: str, seconds: float) -> Snapshot | None:
        await self._commands.wait_for_end(instance_id, seconds)
        snapshot = read_snapshot(self._store, instance_id)
        return snapshot if snapshot is not None and snapshot.status.is_final else None

    async def status(self, request: web.Request) -> web.StreamResponse:
        """GET instances/{id}: 200 when it has ended, 202 while it lives, 404 with no body."""
        instance_id = request.match_info["id"]
        query = QueryString(request)
        show_input = query.flag("showInput", default=True)
        self.table_rows_read += 1
        snapshot = read_snapshot(self._store, instance_id)
        if snapshot is None:
            return web.Response(status=404)
        history = None
        if query.flag("showHistory"):
            history = history_rows(
                read_history(self._store, instance_id),
                show_output=query.flag("showHistoryOutput"),
                show_input=show_input,
            )
        body = status_body(snapshot, show_input=show_input, history=history)
        if not snapshot.status.is_final:
            return _json(body, 202, {"Location": str(request.url), "Retry-After": "5"})
        is_error = query.flag("returnInternalServerErrorOnFailure") and snapshot.status is Status.FAILED
        return _json(body, 500 if is_error else 200)

    async def list_all(self, request: web.Request) -> web.StreamResponse:
        """GET instances/: 200 with an array of at most `top`; the token for the next comes in a header."""
        query = QueryString(request)
        self._count_a_scan("list", query.text("instanceIdPrefix"))
        try:
            snapshots, token = await read_snapshots(
                self._store,
                _filter(query),
                top=query.count("top") or DEFAULT_PAGE,
                token=request.headers.get(CONTINUATION_HEADER),
            )
        except ValueError as error:
            raise RequestRefusedError(400, str(error)) from error
        show_input = query.flag("showInput", default=True)
        body = [status_body(snapshot, show_input=show_input) for snapshot in snapshots]
        return _json(body, 200, {CONTINUATION_HEADER: token} if token else None)

    async def raise_event(self, request: web.Request) -> web.StreamResponse:
        """POST instances/{id}/raiseEvent/{name} with a JSON body."""
        instance_id = request.match_info["id"]
        self._commands.check_live(instance_id)
        if request.content_type.lower() != "application/json":
            raise RequestRefusedError(400, "Only application/json request content is supported")
        text = await _json_text(request)
        await self._commands.raise_event(instance_id, request.match_info["event"], text or "null")
        return web.Response(status=202)

    def operation(self, name: str) -> Handler:
        """POST instances/{id}/{terminate,suspend,resume,rewind}?reason=."""
        command: Callable[[str, str | None], Awaitable[None]] = getattr(self._commands, name)

        async def handle(request: web.Request) -> web.StreamResponse:
            await command(request.match_info["id"], QueryString(request).text("reason"))
            return web.Response(status=202)

        return handle

    async def purge(self, request: web.Request) -> web.StreamResponse:
        """DELETE instances/{id}: 200 and how many were deleted (a running one is not); 404 for an unknown id."""
        instance_id = request.match_info["id"]
        self.table_rows_read += 1
        self._commands.check_known(instance_id)
        return _json({"instancesDeleted": await self._commands.purge([instance_id])})

    async def purge_many(self, request: web.Request) -> web.StreamResponse:
        """DELETE instances/?createdTimeFrom=...: finished instances of that window."""
        chosen = _filter(QueryString(request), only_final=True)
        if chosen.created_from is None:
            return _json("Please provide value for 'createdTimeFrom' parameter.", 400)
        self._count_a_scan("purge", None)  # a prefix narrows nothing there (recorded)
        snapshots, _ = await read_snapshots(self._store, chosen)
        gone = 0
        for start in range(0, len(snapshots), 500):
            gone += await self._commands.purge([s.instance_id for s in snapshots[start : start + 500]])
        return _json({"instancesDeleted": gone}) if gone else web.Response(status=404)

    def _count_a_scan(self, what: str, prefix: str | None) -> None:
        rows = rows_an_azure_table_reads(self._store, prefix)
        self.table_rows_read += rows
        _log.debug("%s by filter: an Azure table would have read %d rows", what, rows)

    async def entities(self, request: web.Request) -> web.StreamResponse:
        """501: entities are not supported."""
        raise RequestRefusedError(
            501, "Durable entities are not supported by this host.", "System.NotSupportedException"
        )


def guarded(handler: Handler) -> Handler:
    """Word refusals as the real host does: `{Message, ExceptionMessage, ExceptionType, StackTrace}`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except RequestRefusedError as refusal:
            if refusal.status in (404, 410):
                return web.Response(status=refusal.status)
            message = (
                "One or more of the arguments submitted is incorrect"
                if refusal.status == 400
                else "Something went wrong while processing your request"
            )
            return _json(
                {
                    "Message": message,
                    "ExceptionMessage": str(refusal),
                    "ExceptionType": refusal.kind,
                    "StackTrace": "",
                },
                refusal.status,
            )

    return handle


async def _json_text(request: web.Request) -> str | None:
    """The body, checked to be JSON; None when there is none. Raises RequestRefusedError 400."""
    try:
        text = (await request.read()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RequestRefusedError(400, "Invalid JSON content") from error
    if text:
        check_json(text)
    return text or None


def _filter(query: QueryString, *, only_final: bool = False) -> Filter:
    return Filter(
        created_from=query.time("createdTimeFrom"),
        created_to=query.time("createdTimeTo"),
        prefix=query.text("instanceIdPrefix"),
        statuses=query.statuses("runtimeStatus"),
        only_final=only_final,
    )


def _finished_answer(snapshot: Snapshot) -> web.Response:
    body = status_body(snapshot)
    if snapshot.status is Status.COMPLETED:
        return _json(body["output"])
    return _json(body, 500 if snapshot.status is Status.FAILED else 200)


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        text=dumps(body), status=status, headers=headers, content_type="application/json", charset="utf-8"
    )
