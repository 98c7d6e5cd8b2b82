"""Aggregates: counts of a filter's runs, and the statistics of a time window.

Whole hours come from the hourly totals, which every write updates; only the parts of an hour at the
window's two ends are counted run by run. So counting costs the same at ten million runs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from function_app.errors import Permanent
from function_app.models.runs import Counts, Outcome, RunFilter
from function_app.results import rows
from function_app.results.database import Database, DatabaseCursor
from function_app.results.filters import Unmatchable, conditions_of
from function_app.results.statistics import (
    DAY,
    HOUR,
    MINUTE,
    SAMPLE,
    Cell,
    Stats,
    bucket_for,
    ceiling,
    counts_of,
    floor,
    summarise,
)

Span = tuple[datetime, datetime]
_ALWAYS: Span = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


def whole_hours(since: datetime | None, until: datetime | None) -> tuple[Span | None, list[Span]]:
    """The whole hours inside a window (None if there is none), and the rest at its ends."""
    start, end = since or _ALWAYS[0], until or _ALWAYS[1]
    first, last = ceiling(start, HOUR), floor(end, HOUR)
    if first >= last:
        return None, [(start, end)] if start < end else []
    return (first, last), [span for span in ((start, first), (last, end)) if span[0] < span[1]]


def counts(database: Database, which: RunFilter) -> Counts:
    """How many runs of the filter ended each way. A filter by scorer reads all of its runs."""
    found: Counter[Outcome] = Counter()
    try:
        with database.reading() as cursor:
            if which.scorer is not None:
                found += _run_by_run(database, cursor, which)
                return counts_of(found)
            hours, ends = whole_hours(which.since, which.until)
            if hours is not None:
                found += _from_totals(database, cursor, which, hours)
            for since, until in ends:
                found += _run_by_run(database, cursor, replace(which, since=since, until=until))
    except Unmatchable:
        return Counts()
    return counts_of(found)


def _run_by_run(database: Database, cursor: DatabaseCursor, which: RunFilter) -> Counter[Outcome]:
    conditions, parameters = conditions_of(database, which)
    return _by_outcome(database, cursor, database.statements.count_by_outcome, conditions, parameters)


def _from_totals(
    database: Database, cursor: DatabaseCursor, which: RunFilter, hours: Span
) -> Counter[Outcome]:
    conditions, parameters = conditions_of(database, replace(which, since=None, until=None))
    conditions = [*conditions, database.statements.where_hours]
    parameters += [database.time(when) for when in hours]
    return _by_outcome(database, cursor, database.statements.total_by_outcome, conditions, parameters)


def _by_outcome(
    database: Database, cursor: DatabaseCursor, head: str, conditions: list[str], parameters: list[Any]
) -> Counter[Outcome]:
    statements = database.statements
    cursor.execute(statements.selecting(head, conditions, statements.group_by_outcome), tuple(parameters))
    return Counter({Outcome(outcome): int(runs) for outcome, runs in cursor.fetchall()})


def stats(database: Database, window: RunFilter, now: datetime) -> Stats:
    """The aggregates of a window, which may name a time range and a device."""
    if (window.outcome, window.reason, window.scorer) != (None, None, None):
        raise Permanent("statistics accept a time range and a device only", reason="bad_filter")
    length = None if window.since is None else (window.until or now) - window.since
    bucket = bucket_for(length)
    with database.reading() as cursor:
        cells = _cells(database, cursor, window, bucket)
        latencies, values = _samples(database, cursor, window)
    return summarise(cells, bucket, latencies, values)


def _cells(database: Database, cursor: DatabaseCursor, window: RunFilter, bucket: timedelta) -> list[Cell]:
    statements = database.statements
    hours, ends = whole_hours(window.since, window.until)
    if bucket == MINUTE and hours is not None:
        hours, ends = None, [(window.since or _ALWAYS[0], window.until or _ALWAYS[1])]
    queries = [
        (statements.minute_cells if bucket == MINUTE else statements.hour_cells, span) for span in ends
    ]
    if hours is not None:
        queries.append((statements.day_totals if bucket == DAY else statements.hour_totals, hours))
    cells: list[Cell] = []
    for sql, (since, until) in queries:
        cursor.execute(sql, (database.time(since), database.time(until)))
        cells += [_cell(row) for row in cursor.fetchall()]
    return [cell for cell in cells if cell.runs and window.device_id in (None, cell.device_id)]


def _cell(row: Any) -> Cell:
    start, outcome, reason, device_id, runs = row
    return Cell(rows.time_of(start), Outcome(outcome), reason, device_id, int(runs))


def _samples(
    database: Database, cursor: DatabaseCursor, window: RunFilter
) -> tuple[list[tuple[datetime, float]], list[tuple[str, str, int]]]:
    try:
        conditions, parameters = conditions_of(database, replace(window, outcome=Outcome.SCORED))
    except Unmatchable:
        return [], []
    statements = database.statements
    found: list[list[Any]] = []
    for head in (statements.newest_latencies, statements.newest_values):
        sql = statements.selecting(head, conditions, statements.newest_first)
        cursor.execute(sql, (*parameters, SAMPLE))
        found.append(cursor.fetchall())
    pairs = [(rows.time_or_none(captured), rows.time_of(committed)) for captured, committed in found[0]]
    latencies = [
        (committed, (committed - captured).total_seconds()) for captured, committed in pairs if captured
    ]
    return latencies, [(scorer, version, value) for scorer, version, value in found[1]]
