"""Counting: how many runs of a filter, and a window's statistics."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from function_app.errors import Permanent
from function_app.models import Counts, Outcome, RunFilter
from function_app.results import rows
from function_app.results.conditions import Unmatchable, conditions_of
from function_app.results.database import Cursor, Database
from function_app.results.statistics import (
    MINUTE,
    SAMPLE,
    Cell,
    Stats,
    bucket_for,
    counts_of,
    summarise,
)

_ALWAYS = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def counts(database: Database, which: RunFilter) -> Counts:
    """How many runs of the filter ended each way."""
    try:
        conditions, parameters = conditions_of(database, which)
    except Unmatchable:
        return Counts()
    statements = database.statements
    sql = statements.selecting(statements.count_by_outcome, conditions, statements.group_by_outcome)
    with database.reading() as cursor:
        cursor.execute(sql, tuple(parameters))
        return counts_of(Counter({Outcome(outcome): runs for outcome, runs in cursor.fetchall()}))


def stats(database: Database, window: RunFilter) -> Stats:
    """The window as figures; it may name a time range and a device."""
    if (window.outcome, window.reason, window.scorer) != (None, None, None):
        raise Permanent("statistics take a time range and a device only", reason="bad_filter")
    since, until = window.since or _ALWAYS[0], window.until or _ALWAYS[1]
    bucket = bucket_for(_length(window))
    with database.reading() as cursor:
        cells = _cells(database, cursor, since, until, bucket)
        if window.device_id is not None:
            cells = [cell for cell in cells if cell.device_id == window.device_id]
        latencies, values = _samples(database, cursor, window)
    return summarise(cells, bucket, latencies, values)


def _length(window: RunFilter) -> timedelta | None:
    if window.since is None:
        return None
    return (window.until or datetime.now(UTC)) - window.since


def _cells(
    database: Database, cursor: Cursor, since: datetime, until: datetime, bucket: timedelta
) -> list[Cell]:
    statements = database.statements
    sql = statements.minute_cells if bucket == MINUTE else statements.hour_cells
    cursor.execute(sql, (database.time(since), database.time(until)))
    return [cell_of(row) for row in cursor.fetchall()]


def cell_of(row: Any) -> Cell:
    """A cell out of (start, outcome, reason, device, runs)."""
    start, outcome, reason, device_id, runs = row
    return Cell(rows.time_of(start), Outcome(outcome), reason, device_id, runs)


def _samples(
    database: Database, cursor: Cursor, window: RunFilter
) -> tuple[list[float], list[tuple[str, str, int]]]:
    try:
        conditions, parameters = conditions_of(database, replace(window, outcome=Outcome.SCORED))
    except Unmatchable:
        return [], []
    statements = database.statements
    found: list[list[Any]] = []
    for head in (statements.newest_latencies, statements.newest_values):
        cursor.execute(statements.selecting(head, conditions, statements.newest_first), (*parameters, SAMPLE))
        found.append(cursor.fetchall())
    pairs = [(rows.time_or_none(captured), rows.time_of(committed)) for captured, committed in found[0]]
    latencies = [(committed - captured).total_seconds() for captured, committed in pairs if captured]
    return latencies, [(scorer, version, value) for scorer, version, value in found[1]]
