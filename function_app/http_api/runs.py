"""``/api/runs``: one run, and lists of runs."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.errors import Transient
from function_app.http_api import query
from function_app.http_api.answers import (
    Answer,
    BadParameter,
    NotFound,
    aside,
    json_answer,
    respond,
    with_etag,
)
from function_app.http_api.views import RunsPage, RunView, retry_after_seconds, tells_all, view_of
from function_app.models.codec import to_json
from function_app.models.identity import is_run_id
from function_app.models.runs import Page, RunFilter, Score, StoredRun
from function_app.results.conditions import BadCursor
from function_app.workflow.live_runs.instances import State, find_live_run
from function_app.workflow.resources import Resources, resources

# About a kilobyte each: what a few dashboards have open. More would be hours of growth, not to be told from a leak.
MOST_KEPT = 4_000

# What tells two states of a row apart: a replay changes attempt and time, a later scorer adds a score.
_Row = tuple[str, int, datetime, tuple[Score, ...]]


class WrittenRuns:
    """The texts that are kept. Safe to share between threads: two that meet write the same text twice."""

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


blueprint = Blueprint()
_LIST_PARAMETERS = ("state", "reason", "device", "scorer", "since", "until", "limit", "cursor")
_written = WrittenRuns()
_LIVE_STATES = (State.WAITING, State.RUNNING, State.RETRYING)


@blueprint.route(route="runs/{run_id}", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def get_run(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """One run: 200 when it ended, 202 while it is live, 404 if unknown."""
    return await respond(one_run(req, client, resources()))


@blueprint.route(route="runs", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def list_runs(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Runs by filter, newest first."""
    return await respond(some_runs(req, client, resources()))


async def one_run(req: func.HttpRequest, client: Any, use: Resources) -> Answer:
    """See ``get_run``. While either the store or Durable is away, the other one answers alone."""
    view = await look_up(req.route_params.get("run_id", ""), client, use)
    if_none_match = req.headers.get("if-none-match")
    if view.has_ended:
        return with_etag(json_answer(view), if_none_match)
    wait = {"Retry-After": str(retry_after_seconds(view, use.now()))}
    return with_etag(json_answer(view, 202, wait), if_none_match)


async def look_up(run_id: str, client: Any, use: Resources) -> RunView:
    """The run as it stands. Raises NotFound, or Transient when who might know it is away."""
    if not is_run_id(run_id):
        raise NotFound("There is no run of this id.")
    stored, live, away = None, None, None
    try:
        at_once = use.store.reads_at_once
        stored = use.store.run(run_id) if at_once else await aside(use.store.run, run_id)
    except Transient as error:
        away = error
    if stored is None or not tells_all(stored):
        try:
            live = await find_live_run(client, run_id)
        except Transient as error:
            away = away or error
    view = view_of(stored, live)
    if view is not None:
        return view
    if away:
        raise away
    raise NotFound("There is no run of this id.")


async def some_runs(req: func.HttpRequest, client: Any, use: Resources) -> Answer:
    """See ``list_runs``. Live states are on one page, a second or two old; ended ones come from the store."""
    given = query.parameters(req, _LIST_PARAMETERS)
    most = query.limit(given)
    wanted = query.state(given)
    which = query.run_filter(given, use.now())
    if wanted in _LIVE_STATES:
        if "cursor" in given:
            raise BadParameter("cursor", f"Runs that are {wanted} are told on one page.")
        return json_answer(await _live_page(client, use, wanted, which, most))
    try:
        return Answer(200, await aside(_ended_page, use, which, given.get("cursor"), most))
    except BadCursor as error:
        raise BadParameter("cursor", error.detail) from None


def _ended_page(use: Resources, which: RunFilter, cursor: str | None, most: int) -> str:
    return _written.page(use.store.page(which, cursor, most))


async def _live_page(client: Any, use: Resources, wanted: State, which: RunFilter, most: int) -> RunsPage:
    """Live runs have no reason and no scores yet; ``since`` and ``until`` bound when they began."""
    if which.reason is not None or which.scorer is not None:
        return RunsPage(())
    chosen = [
        run
        for run in (await use.living.current(client)).runs
        if run.state is wanted
        and (which.device_id is None or run.device_id == which.device_id)
        and (which.since is None or run.created_at >= which.since)
        and (which.until is None or run.created_at < which.until)
    ]
    chosen.sort(key=lambda run: (run.created_at, run.run_id), reverse=True)
    return RunsPage(tuple(view for run in chosen[:most] if (view := view_of(None, run))))
