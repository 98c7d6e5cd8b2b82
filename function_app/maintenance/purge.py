"""The purge: deletes the orchestration history of runs that ended long ago, which Durable on Azure Storage never does.

The result store knows which runs those are, so each is purged by its id: a point operation, where a purge by filter
reads the whole instances table and, with a wrong filter, deletes live runs. Rows stay; what goes are the steps and
tries of each run. An instance without a row is kept: it is live, or the sweep will run its image again, or an operator
stopped it and it is what keeps the sweep from starting the image again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from function_app.models.runs import EndedRun
from function_app.storage.purge_position import PurgePosition
from function_app.workflow.live_runs.durable_status import DurableUnavailable, find_live_run, gather_bounded
from function_app.workflow.resources import Resources

BUDGET = timedelta(seconds=60)  # of the five minutes that host.json gives a function
_PAGE = 200
_CENTURY = timedelta(days=36_500)


@dataclass(frozen=True)
class PurgeReport:
    """How many instances were purged; ``complete`` when no older one is left.

    ``refused`` are the run ids of ended instances that Durable would not purge; their histories stay.
    """

    purged: int = 0
    complete: bool = True
    refused: tuple[str, ...] = ()


async def timed_purge(client: Any, use: Resources) -> PurgeReport:
    """One tick of the timer: purge what is older than the retention setting. Raises Transient."""
    retention = retention_of(use)
    position = await asyncio.to_thread(use.blobs.purge_position.read)
    if not position.is_due(use.now(), retention):
        return PurgeReport()
    return await _purge(client, use, position, use.now() - retention)


def retention_of(use: Resources) -> timedelta:
    """How long histories are kept. A setting that means "for ever" is cut to a century: dates go no further back."""
    return timedelta(days=min(use.settings.retention_days, _CENTURY.days))


async def purge_before(client: Any, use: Resources, until: datetime) -> PurgeReport:
    """Purge the histories of runs whose rows were committed before ``until``, for a minute at most.

    Continues where the last purge stopped, timed or requested. Idempotent. Raises Transient.
    """
    return await _purge(client, use, await asyncio.to_thread(use.blobs.purge_position.read), until)


async def _purge(client: Any, use: Resources, kept: PurgePosition, until: datetime) -> PurgeReport:
    """Purge page by page. One history that cannot be purged stops no other; a whole page of them is an outage."""
    begun, purged = use.now(), 0
    refused: list[str] = []
    position = kept.at(begun)
    while True:
        rows = await asyncio.to_thread(use.store.in_order, position.passed, _PAGE)
        old = [row for row in rows if row.committed_at < until]
        counts = await gather_bounded([_purge_one(client, row.run_id) for row in old])
        if old and counts == [None] * len(old):
            raise DurableUnavailable(f"Durable purged none of {len(old)} histories.")
        refused += [row.run_id for row, count in zip(old, counts, strict=True) if count is None]
        purged += sum(count or 0 for count in counts)
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
    """The position after a page of which the ``old`` rows were purged."""
    passed = old[-1] if old else position.passed
    if len(old) == _PAGE:
        return PurgePosition(passed)
    if kept.passed is not None and (passed is None or passed.committed_at < kept.passed.committed_at):
        passed = kept.passed  # an earlier purge of a shorter retention has come further
    young = rows[len(old)] if len(rows) > len(old) else None
    return PurgePosition(passed, now, young.committed_at if young else None)


async def _purge_one(client: Any, run_id: str) -> int | None:
    """How many instances were deleted: 0 if it is live (a replay) or unknown, None if Durable failed to delete it.

    The host refuses to purge a live instance (412, recorded), which the SDK raises as a plain Exception.
    """
    try:
        purged = await client.purge_instance_history(run_id)
    except Exception:  # noqa: BLE001  (whatever the SDK raises: the question is whether the run is live)
        try:
            live = await find_live_run(client, run_id)
        except DurableUnavailable:
            return None
        return 0 if live is not None and live.is_active else None
    return int(purged.instances_deleted or 0)
