"""The sweep: starts a run for every blob version that has neither a live run nor a row.

Blob triggers miss blobs and Durable histories get lost; the container is the authority.
It lists the container in pages, so memory stays flat at any size, and within a budget of
time; the next call continues where this one stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from function_app.errors import StorageRefused
from function_app.models.runs import RunRequest
from function_app.storage.sweep_position import SweepPosition
from function_app.workflow.live_runs.durable_status import LiveRun, find_live_run, gather_bounded
from function_app.workflow.resources import Resources
from function_app.workflow.starting import Started, begin

_PAGE = 1_000


class Standing(StrEnum):
    """What became of a blob version so far."""

    RECORDED = "recorded"  # it has a row
    LIVE = "live"  # its orchestration is under way
    YOUNG = "young"  # uploaded moments ago: left to the trigger
    UNSEEN = "unseen"  # no run and no row
    UNRECORDED = "unrecorded"  # its orchestration ended without a row
    STOPPED = "stopped"  # an operator terminated its orchestration


NEEDS_A_RUN = (Standing.UNSEEN, Standing.UNRECORDED)
_ENDED = (Standing.RECORDED, Standing.STOPPED)


@dataclass(frozen=True)
class Found:
    """A blob version that needed a run, or whose run an operator stopped."""

    blob_name: str
    run_id: str
    standing: Standing


@dataclass(frozen=True)
class SweepReport:
    """What a sweep or audit saw, as numbers of blobs by standing. ``next_cursor`` is null once it reached the end.

    ``found`` names the blobs that needed a run or were stopped, at most 1,000 of them. ``waiting_since`` is when the
    oldest image without an outcome was uploaded, not counting those that an operator stopped.
    """

    looked_at: int = 0
    recorded: int = 0
    live: int = 0
    young: int = 0
    unseen: int = 0
    unrecorded: int = 0
    stopped: int = 0
    started: int = 0
    found: tuple[Found, ...] = ()
    waiting_since: datetime | None = None
    next_cursor: str | None = None


@dataclass(frozen=True)
class Budget:
    """Stop after this many blobs or this much time, whichever comes first, but not before one page."""

    blobs: int = 20_000
    time: timedelta = timedelta(seconds=60)
    grace: timedelta = timedelta(seconds=60)  # younger blobs are left to the trigger


async def sweep(
    client: Any,
    use: Resources,
    cursor: str | None,
    budget: Budget,
    *,
    start: bool = True,
    settled_before: datetime | None = None,
) -> SweepReport:
    """Continue from the cursor and start the runs that are missing; with ``start=False`` only report them (an audit).

    Never makes a second row: the run's id is the orchestration's and the row's, and a finished one is started again
    only if the store, asked after Durable, still has no row of it. If the trigger or another sweep starts a run at
    the same moment, it is executed once all the same (``starting.begin``), and counted in ``started`` wherever Durable
    accepted the start. Images uploaded before ``settled_before`` count as recorded without a look-up. Raises Transient.
    """
    report, begun = SweepReport(next_cursor=cursor), use.now()
    while True:
        page = await asyncio.to_thread(use.blobs.page, report.next_cursor, min(_PAGE, budget.blobs))
        standings = await _standings(page.runs, client, use, budget.grace, settled_before)
        in_need = [run for run, standing in zip(page.runs, standings, strict=True) if standing in NEEDS_A_RUN]
        starts = [begin(client, run, use.live_runs.add) for run in in_need] if start else []
        started = (await gather_bounded(starts)).count(Started.NOW)
        if start:
            live = [r for r, standing in zip(page.runs, standings, strict=True) if standing is Standing.LIVE]
            await use.live_runs.add_missing(client, live)
        report = _added(report, page.runs, standings, started, page.next_cursor)
        spent = report.looked_at >= budget.blobs or use.now() - begun >= budget.time
        if page.next_cursor is None or spent:
            return report


async def timed_sweep(client: Any, use: Resources, budget: Budget) -> SweepReport:
    """One tick of the timer: continue where the last one stopped, or begin a new pass. Raises Transient."""
    kept = use.blobs.sweep_position
    position = (await asyncio.to_thread(kept.read)).at(use.now())
    try:
        report = await sweep(client, use, position.cursor, budget, settled_before=position.settled_before)
    except StorageRefused:
        if position.cursor is None:
            raise
        position = SweepPosition(
            begun=use.now()
        )  # storage does not take its own marker any more: from the beginning
        report = await sweep(client, use, None, budget)
    await asyncio.to_thread(
        kept.write, position.after(report.next_cursor, clean=report.waiting_since is None)
    )
    return report


async def _standings(
    runs: Sequence[RunRequest],
    client: Any,
    use: Resources,
    grace: timedelta,
    settled_before: datetime | None,
) -> list[Standing]:
    known = {run.run_id for run in runs if _uploaded_before(settled_before, run)}
    in_question = [run.run_id for run in runs if run.run_id not in known]
    known |= await asyncio.to_thread(use.store.known_run_ids, in_question) if in_question else set()
    unknown = [run for run in runs if run.run_id not in known]
    newest = use.now() - grace
    old = [run for run in unknown if not (run.source.uploaded_at and run.source.uploaded_at > newest)]
    live = dict(
        zip(
            (run.run_id for run in old),
            await gather_bounded([find_live_run(client, run.run_id) for run in old]),
            strict=True,
        )
    )
    # Looked up again: a run that ended between the two look-ups has its row by now.
    ended = [run_id for run_id, found in live.items() if found is not None and not found.is_active]
    known |= await asyncio.to_thread(use.store.known_run_ids, ended) if ended else set()
    return [_standing(run.run_id, known, live) for run in runs]


def _uploaded_before(moment: datetime | None, run: RunRequest) -> bool:
    uploaded = run.source.uploaded_at
    return moment is not None and uploaded is not None and uploaded < moment


def _standing(run_id: str, known: set[str], live: dict[str, LiveRun | None]) -> Standing:
    if run_id in known:
        return Standing.RECORDED
    if run_id not in live:
        return Standing.YOUNG
    found = live[run_id]
    if found is None:
        return Standing.UNSEEN
    if found.is_active:
        return Standing.LIVE
    return Standing.STOPPED if found.status in ("Terminated", "Canceled") else Standing.UNRECORDED


def _added(
    report: SweepReport,
    runs: Sequence[RunRequest],
    standings: Sequence[Standing],
    started: int,
    next_cursor: str | None,
) -> SweepReport:
    counts = {standing: getattr(report, standing) + standings.count(standing) for standing in Standing}
    found = [
        Found(run.image.blob_name, run.run_id, standing)
        for run, standing in zip(runs, standings, strict=True)
        if standing in (*NEEDS_A_RUN, Standing.STOPPED)
    ]
    waiting = [
        run.source.uploaded_at
        for run, standing in zip(runs, standings, strict=True)
        if standing not in _ENDED and run.source.uploaded_at is not None
    ]
    waiting += [report.waiting_since] if report.waiting_since is not None else []
    return replace(
        report,
        **{standing.value: count for standing, count in counts.items()},
        looked_at=report.looked_at + len(runs),
        started=report.started + started,
        found=(*report.found, *found)[:1_000],
        waiting_since=min(waiting, default=None),
        next_cursor=next_cursor,
    )
