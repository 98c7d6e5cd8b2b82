"""Forgetting the orchestration history of runs that ended long ago: the app's duty on Azure Storage.

The books know which runs those are, so each is forgotten by its id: a point operation, where a purge by filter reads
the whole instances table and, one word wrong, deletes living runs. Rows stay; what goes are the steps and tries of
each run. An instance without a row is left alone: it lives, or the sweep runs its image again, or an operator stopped
it and this is what keeps the sweep from starting it anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from function_app.models.runs import EndedRun
from function_app.storage.purge_position import PurgePosition
from function_app.workflow.live_runs.instances import DurableUnavailable, answers, find_live_run
from function_app.workflow.resources import Resources

BUDGET = timedelta(seconds=60)  # of the five minutes that host.json gives a function
_PAGE = 200
_CENTURY = timedelta(days=36_500)


@dataclass(frozen=True)
class PurgeReport:
    """``purged`` instances were forgotten; ``complete`` when no older one is left.

    ``refused`` are the run ids of ended instances that Durable would not purge, whose histories stay.
    """

    purged: int = 0
    complete: bool = True
    refused: tuple[str, ...] = ()


async def timed_purge(client: Any, use: Resources) -> PurgeReport:
    """One tick: go on with what the retention setting leaves to forget. Raises Transient."""
    retention = retention_of(use)
    position = await asyncio.to_thread(use.blobs.purge_position.read)
    if not position.is_due(use.now(), retention):
        return PurgeReport()
    return await _purge(client, use, position, use.now() - retention)


def retention_of(use: Resources) -> timedelta:
    """How long histories are kept; a setting that means "for ever" is a century, which the calendar has room for."""
    return timedelta(days=min(use.settings.retention_days, _CENTURY.days))


async def purge_before(client: Any, use: Resources, until: datetime) -> PurgeReport:
    """Forget the histories of runs whose rows were committed before ``until``, for a minute at most.

    Goes on where the last purge stopped, whoever asked for it. Doing it again forgets nothing more. Raises Transient.
    """
    return await _purge(client, use, await asyncio.to_thread(use.blobs.purge_position.read), until)


async def _purge(client: Any, use: Resources, kept: PurgePosition, until: datetime) -> PurgeReport:
    """Page by page. One history that cannot be purged keeps no other; a page of nothing else is an outage."""
    begun, purged = use.now(), 0
    refused: list[str] = []
    position = kept.at(begun)
    while True:
        rows = await asyncio.to_thread(use.store.in_order, position.passed, _PAGE)
        old = [row for row in rows if row.committed_at < until]
        told = dict(zip(old, await answers([_forget(client, row.run_id) for row in old]), strict=True))
        kept_back = [row.run_id for row, count in told.items() if count is None]
        if old and len(kept_back) == len(old):
            raise DurableUnavailable(f"Durable purged none of {len(old)} histories.")
        refused += kept_back
        purged += sum(count for count in told.values() if count is not None)
        position = _after(position, rows, old, kept, use.now())
        await asyncio.to_thread(use.blobs.purge_position.write, position)
        complete = position.done_at is not None
        if complete or use.now() - begun >= BUDGET:
            return PurgeReport(purged, complete, tuple(refused))


def _after(
    position: PurgePosition,
    rows: Sequence[EndedRun],
    old: Sequence[EndedRun],
    kept: PurgePosition,
    now: datetime,
) -> PurgePosition:
    """The position after a page of which those ``old`` were forgotten."""
    passed = old[-1] if old else position.passed
    if len(old) == _PAGE:
        return PurgePosition(passed)
    if kept.passed is not None and (passed is None or passed.committed_at < kept.passed.committed_at):
        passed = kept.passed  # a shorter span was asked for before: what it passed is passed
    young = rows[len(old)] if len(rows) > len(old) else None
    return PurgePosition(passed, now, young.committed_at if young else None)


async def _forget(client: Any, run_id: str) -> int | None:
    """How many instances went: 0 if it lives (a replay) or is unknown, None if Durable would not say or do it.

    The host refuses to purge what lives (412, recorded); the SDK says so with a plain Exception.
    """
    try:
        told = await client.purge_instance_history(run_id)
    except Exception:  # noqa: BLE001  (whatever the SDK raises: the question is whether the run lives)
        try:
            live = await find_live_run(client, run_id)
        except DurableUnavailable:
            return None
        return 0 if live is not None and live.is_active else None
    return int(told.instances_deleted or 0)
