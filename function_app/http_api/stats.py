"""``/api/stats``: how many runs are in each state, and the statistics of a time window."""

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
from function_app.http_api.responses import ApiResponse, in_thread, json_response, respond
from function_app.models.runs import Counts, RunFilter
from function_app.results.statistics import Bucket, Histogram, Latency
from function_app.workflow.live_runs.durable_status import State
from function_app.workflow.resources import Resources, resources

blueprint = Blueprint()


@dataclass(frozen=True)
class StateCounts:
    """Number of runs by state, since the beginning; the live states are null while Durable is unavailable."""

    scored: int
    rejected: int
    failed: int
    waiting: int | None
    running: int | None
    retrying: int | None


@dataclass(frozen=True)
class WindowView:
    """The statistics of the runs that were committed since ``since``.

    ``timeline`` has the throughput in buckets of ``bucket_seconds``; empty ones are left out. ``rejections`` and
    ``failures`` count runs by reason.
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
    """The state of the pipeline; ``window`` is null unless requested.

    The counts of live states are not older than ``live_as_of``, which is null while they are.
    """

    counts: StateCounts
    live_as_of: datetime | None = None
    window: WindowView | None = None


@blueprint.route(route="stats", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def get_stats(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """Counts by state; with ``window`` (15m, 24h, 7d) also its throughput, latency and score histogram."""
    return await respond(statistics(req, client, resources()))


async def statistics(req: func.HttpRequest, client: Any, use: Resources) -> ApiResponse:
    """See ``get_stats``."""
    given = query.parameters(req, ("window", "device"))
    length = query.span(given, "window") if "window" in given else None
    device = query.code(given, "device")
    ended, (live, as_of) = await asyncio.gather(
        in_thread(use.store.counts, RunFilter(device_id=device)), _live_counts(client, use, device)
    )
    counts = StateCounts(ended.scored, ended.rejected, ended.failed, **live)
    if length is None:
        return json_response(StatsView(counts, as_of))
    since = use.now() - length
    stats = await in_thread(use.store.stats, RunFilter(device_id=device, since=since))
    window = WindowView(since, int(length.total_seconds()), **vars(stats))
    return json_response(StatsView(counts, as_of, window))


async def _live_counts(
    client: Any, use: Resources, device: str | None
) -> tuple[dict[str, int | None], datetime | None]:
    states = (State.WAITING, State.RUNNING, State.RETRYING)
    try:
        snapshot = await use.live_runs.snapshot(client)
    except Transient:
        return dict.fromkeys(state.value for state in states), None
    counts = Counter(run.state for run in snapshot.runs if device is None or run.device_id == device)
    return {state.value: counts[state] for state in states}, snapshot.as_of
