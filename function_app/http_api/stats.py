"""``/api/stats``: how many runs are in each state, and the figures of a window of time."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.codec import to_json
from function_app.errors import Transient
from function_app.http_api import query
from function_app.http_api.answers import Answer, json_answer
from function_app.http_api.route import aside, respond
from function_app.live_runs import State, active_runs
from function_app.models import RunFilter
from function_app.resources import Resources, resources

blueprint = Blueprint()


@blueprint.route(route="stats", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def get_stats(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Counts by state; with ``window`` (15m, 24h, 7d) also throughput, latency and histogram of it."""
    return await respond(figures(req, client, resources()))


async def figures(req: func.HttpRequest, client: Any, use: Resources) -> Answer:
    """``counts`` are of all time, and null for the live states while Durable cannot tell."""
    query.check_known(req.params, ("window", "device"))
    window = query.span(req.params, "window") if "window" in req.params else None
    device = query.run_filter({k: v for k, v in req.params.items() if k == "device"}, use.now()).device_id
    ended, live = await asyncio.gather(
        aside(use.store.counts, RunFilter(device_id=device)), _live_counts(client, device)
    )
    body: dict[str, Any] = {"counts": {**to_json(ended), **live}}
    if window is not None:
        since = use.now() - window
        figures = await aside(use.store.stats, RunFilter(device_id=device, since=since))
        body["window"] = {"since": since, "seconds": int(window.total_seconds()), **to_json(figures)}
    return json_answer(body)


async def _live_counts(client: Any, device: str | None) -> dict[str, int | None]:
    states = (State.WAITING, State.RUNNING, State.RETRYING)
    try:
        live = await active_runs(client)
    except Transient:
        return dict.fromkeys(states)
    told = Counter(
        run.state
        for run in live
        if device is None or (run.request and run.request.lineage.device_id == device)
    )
    return {state: told[state] for state in states}
