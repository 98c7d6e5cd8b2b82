"""Writing one fact exactly once: insert first, and only a duplicate key makes us look.

Nothing is checked before acting. The unique keys decide every race, so this holds on engines that
ignore lock hints too (sql-facts: Babelfish parses UPDLOCK and HOLDLOCK and does nothing).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from function_app.errors import ConflictingResult, StoreUnavailable
from function_app.models import Recorded, RunRecord, Score
from function_app.results import rows
from function_app.results.database import Cursor, Database, DuplicateKey
from function_app.results.reading import scores_of, stored_record
from function_app.results.verdict import judge

# Each lost race means that another writer made progress; this many in a row is an overload.
RACES = 10


class _LostRace(Exception):  # noqa: N818  (a signal, like DuplicateKey)
    """The row changed between reading and replacing it."""


def record(
    database: Database, run: RunRecord, scores: Sequence[Score], clock: Callable[[], datetime]
) -> Recorded:
    """Write the run and its scores in one transaction, or find that they are written.

    Raises ConflictingResult, StoreUnavailable, or what the database adapter raises.
    """
    _no_contradiction_within(scores)
    now = clock()
    row = rows.run_row(run, now, database.time)
    try:
        with database.writing() as cursor:
            cursor.execute(database.statements.insert_run, row)
            _insert_scores(database, cursor, run.run_id, scores)
        return Recorded.INSERTED
    except DuplicateKey:
        pass  # this run is known: look at what is stored
    for _ in range(RACES):
        try:
            return _reconcile(database, run, scores, now)
        except (DuplicateKey, _LostRace):
            continue  # another writer was quicker: look again
    raise StoreUnavailable(f"run {run.run_id} is being written by too many at once")


def _reconcile(database: Database, run: RunRecord, scores: Sequence[Score], now: datetime) -> Recorded:
    with database.writing() as cursor:
        stored = stored_record(database, cursor, run.run_id)
        if stored is None:
            raise _LostRace
        known = scores_of(database, cursor, [run.run_id]).get(run.run_id, ())
        verdict = judge(stored, known, run, scores)
        if verdict.answer is Recorded.REPLACED:
            _replace(database, cursor, stored, run, now)
        _insert_scores(database, cursor, run.run_id, verdict.new_scores)
    return verdict.answer


def _replace(database: Database, cursor: Cursor, stored: RunRecord, run: RunRecord, now: datetime) -> None:
    (run_id, _, _, _, _, *rest) = rows.run_row(run, now, database.time)
    cursor.execute(database.statements.replace_run, (*rest, run_id, stored.attempt))
    if cursor.rowcount != 1:
        raise _LostRace
    cursor.execute(database.statements.insert_attempt, rows.attempt_row(stored, database.time))


def _insert_scores(database: Database, cursor: Cursor, run_id: str, scores: Sequence[Score]) -> None:
    for score in scores:
        cursor.execute(database.statements.insert_score, rows.score_row(run_id, score, database.time))


def _no_contradiction_within(scores: Sequence[Score]) -> None:
    if len({(score.scorer, score.scorer_version) for score in scores}) != len(scores):
        raise ConflictingResult("the same scorer and version scored one image twice")
