"""``POST`` replay, sweep and purge, and ``GET /api/audit``: what an operator runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.errors import StorageRefused
from function_app.http_api import query
from function_app.http_api.responses import (
    ApiResponse,
    BadParameter,
    NotFound,
    in_thread,
    json_response,
    problem,
    respond,
)
from function_app.maintenance.purge import purge_before, retention_of
from function_app.maintenance.replay import ReplayAnswer, Replayed, replay
from function_app.maintenance.sweep import Budget, sweep
from function_app.models.identity import is_run_id
from function_app.models.runs import Outcome
from function_app.results.filters import BadCursor
from function_app.workflow.resources import Resources, resources

blueprint = Blueprint()
_FILTERS = ("state", "reason", "device", "since", "until")
_LARGEST_SWEEP = 100_000


@dataclass(frozen=True)
class BulkReplay:
    """What became of the runs on one page of the filter. ``next_cursor`` is null on the last page."""

    matched: int
    started: int
    already_running: int
    dry_run: bool
    runs: tuple[ReplayAnswer, ...]
    next_cursor: str | None = None


@dataclass(frozen=True)
class Purged:
    """How many finished orchestrations were purged; their rows stay. Repeat until ``complete`` is true."""

    purged: int
    complete: bool = True


@blueprint.route(route="runs/{run_id}/replay", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def replay_run(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Replay a rejected or failed run."""
    return await respond(one_replay(req.route_params.get("run_id", ""), client, resources()))


@blueprint.route(route="runs/replay", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def replay_runs(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Replay all rejected or failed runs of a filter, a page at a time."""
    return await respond(many_replays(req, client, resources()))


@blueprint.route(route="sweep", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def sweep_now(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Start the runs that the trigger missed."""
    return await respond(one_sweep(req, client, resources(), start=True))


@blueprint.route(route="audit", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def audit_blobs(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Compare blobs with runs and rows, and start nothing."""
    return await respond(one_sweep(req, client, resources(), start=False))


@blueprint.route(route="purge", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def purge_now(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Purge the orchestration history of runs that ended long ago."""
    return await respond(one_purge(req, client, resources()))


async def one_replay(run_id: str, client: Any, use: Resources) -> ApiResponse:
    """202 when the replay is under way, 409 when the run is scored, 404 when no such run has ended."""
    stored = await in_thread(use.store.run, run_id) if is_run_id(run_id) else None
    if stored is None:
        raise NotFound("No run with this id has ended.")
    answer = await replay(client, stored.record, use.live_runs.add)
    if answer.replayed is Replayed.SCORED_ALREADY:
        return problem(
            409, "scored_already", "The run is scored; only rejected and failed runs can be replayed."
        )
    return json_response(answer, 202, {"Location": f"/api/runs/{run_id}", "Retry-After": "1"})


async def many_replays(req: func.HttpRequest, client: Any, use: Resources) -> ApiResponse:
    """``state`` is required, so that nobody replays everything by mistake."""
    given = query.parameters(req, (*_FILTERS, "limit", "cursor", "dry_run"))
    which = query.run_filter(given, use.now())
    if which.outcome not in (Outcome.REJECTED, Outcome.FAILED):
        raise BadParameter("state", "Must be one of: rejected, failed.")
    dry_run = query.flag(given, "dry_run")
    try:
        page = await in_thread(use.store.page, which, given.get("cursor"), query.limit(given))
    except BadCursor as error:
        raise BadParameter("cursor", error.detail) from None
    records = [run.record for run in page.runs]
    answers = [] if dry_run else [await replay(client, record, use.live_runs.add) for record in records]
    replayed = [answer.replayed for answer in answers]
    started, running = replayed.count(Replayed.STARTED), replayed.count(Replayed.ALREADY_RUNNING)
    return json_response(
        BulkReplay(len(records), started, running, dry_run, tuple(answers), page.next_cursor)
    )


async def one_sweep(req: func.HttpRequest, client: Any, use: Resources, *, start: bool) -> ApiResponse:
    """One bounded part of the container, from the cursor on; repeat with ``next_cursor`` until it is null."""
    given = query.parameters(req, ("cursor", "limit", "grace"))
    most = query.number(given, "limit", 20_000, _LARGEST_SWEEP)
    grace = query.span(given, "grace") if "grace" in given else timedelta(seconds=60)
    budget = Budget(blobs=most, grace=grace)
    try:
        report = await sweep(client, use, query.sweep_cursor(given), budget, start=start)
    except StorageRefused:
        if "cursor" not in given:
            raise
        raise BadParameter("cursor", "Storage does not take it: begin again without a cursor.") from None
    return json_response(replace(report, next_cursor=query.sweep_cursor_text(report.next_cursor)))


async def one_purge(req: func.HttpRequest, client: Any, use: Resources) -> ApiResponse:
    """``older_than`` is a time span, by default the retention setting. Runs for a minute at most."""
    given = query.parameters(req, ("older_than",))
    age = query.span(given, "older_than") if "older_than" in given else retention_of(use)
    report = await purge_before(client, use, use.now() - age)
    return json_response(Purged(report.purged, report.complete))
