"""Reading runs back: one run, the runs of an image, or a page of a list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from function_app.errors import Permanent
from function_app.models.identity import blob_key_of, is_run_id
from function_app.models.runs import EndedRun, Page, RunFilter, Score, StoredRun
from function_app.results import rows
from function_app.results.database import Database, DatabaseCursor
from function_app.results.filters import PageEnd, Unmatchable, conditions_of, cursor_of, page_end_of
from function_app.results.statements import PORTION

LONGEST_PAGE = 1000
# No image has more versions than this that a person wants listed.
RUNS_OF_AN_IMAGE = 1000
_BEFORE_ALL = datetime(2000, 1, 1, tzinfo=UTC)


def stored_run(database: Database, cursor: DatabaseCursor, run_id: str) -> StoredRun | None:
    """The row of a run, without its scores, inside a transaction."""
    found = _select(database, cursor, [database.statements.where_run], [run_id], 1)
    return found[0] if found else None


def scores_of(
    database: Database, cursor: DatabaseCursor, run_ids: Sequence[str]
) -> dict[str, tuple[Score, ...]]:
    """Scores by run id, in the order of scorer and version."""
    found: defaultdict[str, list[Score]] = defaultdict(list)
    for portion in _portions(run_ids):
        cursor.execute(database.statements.select_scores, portion)
        for run_id, *score in cursor.fetchall():
            found[run_id].append(rows.score_of(score))
    return {run_id: tuple(scores) for run_id, scores in found.items()}


def run(database: Database, run_id: str) -> StoredRun | None:
    """One run, complete; None for an unknown id or a text that is no run id."""
    if not is_run_id(run_id):
        return None
    with database.reading() as cursor:
        found = _select(database, cursor, [database.statements.where_run], [run_id], 1)
        if not found:
            return None
        cursor.execute(database.statements.select_attempts, (run_id,))
        earlier = tuple(rows.earlier_attempt(row) for row in cursor.fetchall())
        return replace(_with_scores(database, cursor, found)[0], earlier_attempts=earlier)


def runs_of_image(database: Database, container: str, blob_name: str) -> list[StoredRun]:
    """The runs of a blob's versions, newest first."""
    key = blob_key_of(container, blob_name)
    with database.reading() as cursor:
        found = _select(database, cursor, [database.statements.where_blob], [key], RUNS_OF_AN_IMAGE)
        return _with_scores(database, cursor, found)


def page(database: Database, which: RunFilter, cursor_text: str | None, limit: int) -> Page:
    """One page; one row more is fetched, to know whether another page follows."""
    if not 1 <= limit <= LONGEST_PAGE:
        raise Permanent(f"limit must be from 1 to {LONGEST_PAGE}", reason="bad_limit")
    before = None if cursor_text is None else page_end_of(cursor_text)
    try:
        conditions, parameters = conditions_of(database, which, before)
    except Unmatchable:
        return Page(())
    with database.reading() as cursor:
        found = _select(database, cursor, conditions, parameters, limit + 1)
        runs = _with_scores(database, cursor, found[:limit])
    last = runs[-1] if len(found) > limit else None
    return Page(tuple(runs), cursor_of(PageEnd(last.committed_at, last.recent_id)) if last else None)


def known_run_ids(database: Database, run_ids: Collection[str]) -> set[str]:
    """Those of the ids that are stored."""
    known: set[str] = set()
    with database.reading() as cursor:
        for portion in _portions([run_id for run_id in run_ids if is_run_id(run_id)]):
            cursor.execute(database.statements.select_known, portion)
            known.update(row[0] for row in cursor.fetchall())
    return known


def in_order(database: Database, after: EndedRun | None, limit: int) -> list[EndedRun]:
    """The runs after that one, oldest first."""
    when, recent_id = (after.committed_at, after.recent_id) if after is not None else (_BEFORE_ALL, 0)
    parameter = database.time(when)
    with database.reading() as cursor:
        cursor.execute(database.statements.select_in_order, (parameter, parameter, recent_id, limit))
        return [EndedRun(row[0], rows.time_of(row[1]), row[2]) for row in cursor.fetchall()]


def _select(
    database: Database, cursor: DatabaseCursor, conditions: list[str], parameters: list[Any], limit: int
) -> list[StoredRun]:
    statements = database.statements
    sql = statements.selecting(statements.select_run, conditions, statements.newest_first)
    cursor.execute(sql, (*parameters, limit))
    return [rows.stored_run(row) for row in cursor.fetchall()]


def _with_scores(database: Database, cursor: DatabaseCursor, runs: Sequence[StoredRun]) -> list[StoredRun]:
    scores = scores_of(database, cursor, [run.record.run_id for run in runs])
    return [replace(run, scores=scores.get(run.record.run_id, ())) for run in runs]


def _portions(run_ids: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The ids in tuples of PORTION, the last one filled up by repeating an id."""
    for start in range(0, len(run_ids), PORTION):
        portion = tuple(run_ids[start : start + PORTION])
        yield portion + portion[:1] * (PORTION - len(portion))
