"""``POST`` replay, sweep and purge, and ``GET /api/audit``: what an operator asks the app to do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.http_api import query
from function_app.http_api.answers import Answer, BadParameter, NotFound, aside, json_answer, problem, respond
from function_app.maintenance.purge import purge_before, retention_of
from function_app.maintenance.replay import ReplayAnswer, Replayed, replay
from function_app.maintenance.sweep import Budget, sweep
from function_app.models.identity import is_run_id
from function_app.models.runs import Outcome
from function_app.results.conditions import BadCursor
from function_app.workflow.resources import Resources, resources

blueprint = Blueprint()
_FILTERS = ("state", "reason", "device", "since", "until")
_LARGEST_SWEEP = 100_000


@dataclass(frozen=True)
class BulkReplay:
    """How many runs of the filter there were on this page, and what became of each; go on with ``next_cursor``."""

    matched: int
    started: int
    already_running: int
    dry_run: bool
    runs: tuple[ReplayAnswer, ...]
    next_cursor: str | None = None


@dataclass(frozen=True)
class Purged:
    """How many finished orchestrations were forgotten; their rows stay. Call again until it is ``complete``."""

    purged: int
    complete: bool = True


@blueprint.route(route="runs/{run_id}/replay", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def replay_run(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Run a rejected or failed image again."""
    return await respond(one_replay(req.route_params.get("run_id", ""), client, resources()))


@blueprint.route(route="runs/replay", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def replay_runs(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Run all rejected or failed images of a filter again, a page at a time."""
    return await respond(many_replays(req, client, resources()))


@blueprint.route(route="sweep", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def sweep_now(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Start the runs that the trigger missed."""
    return await respond(one_sweep(req, client, resources(), start=True))


@blueprint.route(route="audit", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def audit_blobs(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Compare blobs, runs and rows, and start nothing."""
    return await respond(one_sweep(req, client, resources(), start=False))


@blueprint.route(route="purge", methods=["POST"])
@blueprint.durable_client_input(client_name="client")
async def purge_now(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Forget the orchestration history of runs that ended long ago."""
    return await respond(one_purge(req, client, resources()))


async def one_replay(run_id: str, client: Any, use: Resources) -> Answer:
    """202 when it runs now, 409 when it is scored, 404 when no such run ended."""
    stored = await aside(use.store.run, run_id) if is_run_id(run_id) else None
    if stored is None:
        raise NotFound("No run of this id has ended.")
    answer = await replay(client, stored.record, use.living.note)
    if answer.replayed is Replayed.SCORED_ALREADY:
        return problem(409, "scored_already", "The image is scored; there is nothing to replay.")
    return json_answer(answer, 202, {"Location": f"/api/runs/{run_id}", "Retry-After": "1"})


async def many_replays(req: func.HttpRequest, client: Any, use: Resources) -> Answer:
    """``state`` must be given: nobody replays everything by a slip."""
    given = query.parameters(req, (*_FILTERS, "limit", "cursor", "dry_run"))
    which = query.run_filter(given, use.now())
    if which.outcome not in (Outcome.REJECTED, Outcome.FAILED):
        raise BadParameter("state", "One of: rejected, failed.")
    dry_run = query.flag(given, "dry_run")
    try:
        page = await aside(use.store.page, which, given.get("cursor"), query.limit(given))
    except BadCursor as error:
        raise BadParameter("cursor", error.detail) from None
    records = [run.record for run in page.runs]
    answers = [] if dry_run else [await replay(client, record, use.living.note) for record in records]
    told = [answer.replayed for answer in answers]
    started, running = told.count(Replayed.STARTED), told.count(Replayed.ALREADY_RUNNING)
    return json_answer(BulkReplay(len(records), started, running, dry_run, tuple(answers), page.next_cursor))


async def one_sweep(req: func.HttpRequest, client: Any, use: Resources, *, start: bool) -> Answer:
    """One bounded stretch from the given cursor; call again with ``next_cursor`` until it is null."""
    given = query.parameters(req, ("cursor", "limit", "grace"))
    most = query.number(given, "limit", 20_000, _LARGEST_SWEEP)
    grace = query.span(given, "grace") if "grace" in given else timedelta(seconds=60)
    budget = Budget(blobs=most, grace=grace)
    report = await sweep(client, use, query.sweep_cursor(given), budget, start=start)
    return json_answer(replace(report, next_cursor=query.sweep_cursor_text(report.next_cursor)))


async def one_purge(req: func.HttpRequest, client: Any, use: Resources) -> Answer:
    """``older_than`` is a span; without it the retention that the app is set to. A minute's worth at a time."""
    given = query.parameters(req, ("older_than",))
    age = query.span(given, "older_than") if "older_than" in given else retention_of(use)
    report = await purge_before(client, use, use.now() - age)
    return json_answer(Purged(report.purged, report.complete))
