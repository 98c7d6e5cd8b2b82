"""``/api/stats``: how many runs are in each state, and the figures of a window of time."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.errors import Transient
from function_app.http_api import query
from function_app.http_api.answers import Answer, aside, json_answer, respond
from function_app.models.runs import Counts, RunFilter
from function_app.results.statistics import Bucket, Histogram, Latency
from function_app.workflow.live_runs.instances import State
from function_app.workflow.resources import Resources, resources

blueprint = Blueprint()


@dataclass(frozen=True)
class StateCounts:
    """Runs by state, of all time; the live states are null while Durable cannot tell."""

    scored: int
    rejected: int
    failed: int
    waiting: int | None
    running: int | None
    retrying: int | None


@dataclass(frozen=True)
class WindowView:
    """The figures of the runs that were committed since then.

    Throughput is in ``timeline`` (buckets of ``bucket_seconds``; empty ones are left out).
    """

    since: datetime
    seconds: int
    counts: Counts
    bucket_seconds: int
    timeline: tuple[Bucket, ...]
    rejections: dict[str, int]
    failures: dict[str, int]
    devices: dict[str, Counts]
    latency: Latency | None
    histograms: tuple[Histogram, ...]


@dataclass(frozen=True)
class StatsView:
    """How the pipeline stands; ``window`` only when one was asked for.

    ``live_as_of``: no live state is counted from before; null while they are.
    """

    counts: StateCounts
    live_as_of: datetime | None = None
    window: WindowView | None = None


@blueprint.route(route="stats", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def get_stats(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Counts by state; with ``window`` (15m, 24h, 7d) also throughput, latency and histogram of it."""
    return await respond(figures(req, client, resources()))


async def figures(req: func.HttpRequest, client: Any, use: Resources) -> Answer:
    """See ``get_stats``."""
    given = query.parameters(req, ("window", "device"))
    length = query.span(given, "window") if "window" in given else None
    device = query.code(given, "device")
    ended, (live, as_of) = await asyncio.gather(
        aside(use.store.counts, RunFilter(device_id=device)), _live_counts(client, use, device)
    )
    counts = StateCounts(ended.scored, ended.rejected, ended.failed, **live)
    if length is None:
        return json_answer(StatsView(counts, as_of))
    since = use.now() - length
    told = await aside(use.store.stats, RunFilter(device_id=device, since=since))
    window = WindowView(since, int(length.total_seconds()), **vars(told))
    return json_answer(StatsView(counts, as_of, window))


async def _live_counts(
    client: Any, use: Resources, device: str | None
) -> tuple[dict[str, int | None], datetime | None]:
    states = (State.WAITING, State.RUNNING, State.RETRYING)
    try:
        answer = await use.living.current(client)
    except Transient:
        return dict.fromkeys(state.value for state in states), None
    told = Counter(run.state for run in answer.runs if device is None or run.device_id == device)
    return {state.value: told[state] for state in states}, answer.as_of
