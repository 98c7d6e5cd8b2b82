"""``/api/runs``: one run, and lists of runs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.errors import Transient
from function_app.http_api import query
from function_app.http_api.responses import (
    ApiResponse,
    BadParameter,
    NotFound,
    in_thread,
    json_response,
    respond,
    with_etag,
)
from function_app.http_api.views import RunsPage, RunView, retry_after_seconds, row_is_complete, view_of
from function_app.models.codec import to_json
from function_app.models.identity import is_run_id
from function_app.models.runs import Page, RunFilter, Score, StoredRun
from function_app.results.filters import BadCursor
from function_app.workflow.live_runs.durable_status import State, find_live_run
from function_app.workflow.resources import Resources, resources

_LIST_PARAMETERS = ("state", "reason", "device", "scorer", "since", "until", "limit", "cursor")
_LIVE_STATES = (State.WAITING, State.RUNNING, State.RETRYING)

# About a kilobyte each: what a few dashboards show. With more, memory would grow for hours, like a leak.
MOST_KEPT = 4_000

# What distinguishes two states of a row: a replay changes attempt and time, a later scorer adds a score.
_Row = tuple[str, int, datetime, tuple[Score, ...]]

blueprint = Blueprint()


@blueprint.route(route="runs/{run_id}", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def get_run(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """One run: 200 when it has ended, 202 while it is live, 404 if unknown."""
    return await respond(one_run(req, client, resources()))


@blueprint.route(route="runs", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def list_runs(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Runs by filter, newest first."""
    return await respond(some_runs(req, client, resources()))


async def one_run(req: func.HttpRequest, client: Any, use: Resources) -> ApiResponse:
    """See ``get_run``. While the store or Durable is unavailable, the response comes from the other."""
    view = await look_up(req.route_params.get("run_id", ""), client, use)
    if_none_match = req.headers.get("if-none-match")
    if view.has_ended:
        return with_etag(json_response(view), if_none_match)
    wait = {"Retry-After": str(retry_after_seconds(view, use.now()))}
    return with_etag(json_response(view, 202, wait), if_none_match)


async def look_up(run_id: str, client: Any, use: Resources) -> RunView:
    """The run's current state. Raises NotFound, or Transient if it may be known to a service that is unavailable."""
    if not is_run_id(run_id):
        raise NotFound("There is no run with this id.")
    stored, live, unavailable = None, None, None
    try:
        at_once = use.store.reads_at_once
        stored = use.store.run(run_id) if at_once else await in_thread(use.store.run, run_id)
    except Transient as error:
        unavailable = error
    if stored is None or not row_is_complete(stored):
        try:
            live = await find_live_run(client, run_id)
        except Transient as error:
            unavailable = unavailable or error
    view = view_of(stored, live)
    if view is not None:
        return view
    if unavailable:
        raise unavailable
    raise NotFound("There is no run with this id.")


async def some_runs(req: func.HttpRequest, client: Any, use: Resources) -> ApiResponse:
    """See ``list_runs``. Live runs are on a single page, a second or two old; ended runs come from the store."""
    given = query.parameters(req, _LIST_PARAMETERS)
    most = query.limit(given)
    wanted = query.state(given)
    which = query.run_filter(given, use.now())
    if wanted in _LIVE_STATES:
        if "cursor" in given:
            raise BadParameter("cursor", f"Runs in state {wanted} are listed on a single page.")
        return json_response(await _live_page(client, use, wanted, which, most))
    try:
        return ApiResponse(200, await in_thread(_ended_page, use, which, given.get("cursor"), most))
    except BadCursor as error:
        raise BadParameter("cursor", error.detail) from None


def _ended_page(use: Resources, which: RunFilter, cursor: str | None, most: int) -> str:
    return _json_cache.page(use.store.page(which, cursor, most))


async def _live_page(client: Any, use: Resources, wanted: State, which: RunFilter, most: int) -> RunsPage:
    """Live runs have no reason and no scores yet; ``since`` and ``until`` bound their start."""
    if which.reason is not None or which.scorer is not None:
        return RunsPage(())
    chosen = [
        run
        for run in (await use.live_runs.snapshot(client)).runs
        if run.state is wanted
        and (which.device_id is None or run.device_id == which.device_id)
        and (which.since is None or run.created_at >= which.since)
        and (which.until is None or run.created_at < which.until)
    ]
    chosen.sort(key=lambda run: (run.created_at, run.run_id), reverse=True)
    return RunsPage(tuple(view for run in chosen[:most] if (view := view_of(None, run))))


class RunJsonCache:
    """Pages of ended runs as JSON, each run encoded once. Safe to share between threads: at worst two encode one."""

    def __init__(self, most_kept: int = MOST_KEPT) -> None:
        self._texts: dict[_Row, str] = {}
        self._most_kept = most_kept

    def page(self, page: Page) -> str:
        """The JSON of a RunsPage."""
        runs = ", ".join(map(self._run, page.runs))
        return f'{{"runs": [{runs}], "next_cursor": {json.dumps(page.next_cursor)}}}'

    def _run(self, run: StoredRun) -> str:
        row = (run.record.run_id, run.record.attempt, run.committed_at, run.scores)
        text = self._texts.get(row)
        if text is None:
            text = json.dumps(to_json(view_of(run, None)))
            if len(self._texts) >= self._most_kept:
                self._texts.clear()
            self._texts[row] = text
        return text


_json_cache = RunJsonCache()
