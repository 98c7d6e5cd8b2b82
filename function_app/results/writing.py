"""Writing one result exactly once: insert it, and on a duplicate key compare it with what is stored.

Nothing is checked beforehand. The unique keys decide every race, so this works even on engines that
ignore lock hints (Babelfish parses UPDLOCK and HOLDLOCK and does nothing with them).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from function_app.errors import ConflictingResult, StoreUnavailable
from function_app.models.runs import Recorded, RunRecord, Score, StoredRun
from function_app.results import rows
from function_app.results.database import Database, DatabaseCursor, DeadlockVictim, DuplicateKey
from function_app.results.reading import scores_of, stored_run
from function_app.results.statistics import HOUR, floor

# Each lost race means that another writer made progress; this many in a row is an overload.
RACES = 10

_Cell = tuple[datetime, str, str, str]  # hour, outcome, reason, device


class _LostRace(Exception):  # noqa: N818  (a signal, like DuplicateKey)
    """The row changed between reading and replacing it."""


def record(
    database: Database, run: RunRecord, scores: Sequence[Score], clock: Callable[[], datetime]
) -> Recorded:
    """Write the run and its scores in one transaction, or find that they are already stored.

    Raises ConflictingResult, StoreUnavailable, or what the database adapter raises.
    """
    _no_contradiction_within(scores)
    for _ in range(RACES):
        with suppress(DuplicateKey, DeadlockVictim):
            return _insert(database, run, scores, clock())
        with suppress(DuplicateKey, DeadlockVictim, _LostRace):
            return _update(database, run, scores, clock())
    raise StoreUnavailable(f"run {run.run_id} is being written by too many at once")


def _insert(database: Database, run: RunRecord, scores: Sequence[Score], now: datetime) -> Recorded:
    row = rows.run_row(run, now, database.time)
    with database.writing() as cursor:
        cursor.execute(database.statements.insert_run, row)
        _insert_scores(database, cursor, run.run_id, scores)
        _add_to_totals(database, cursor, {_cell(run, now): 1})
    return Recorded.INSERTED


def _update(database: Database, run: RunRecord, scores: Sequence[Score], now: datetime) -> Recorded:
    with database.writing() as cursor:
        stored = stored_run(database, cursor, run.run_id)
        if stored is None:
            raise _LostRace
        known = scores_of(database, cursor, [run.run_id]).get(run.run_id, ())
        comparison = compare(stored.record, known, run, scores)
        if comparison.recorded is Recorded.REPLACED:
            _replace(database, cursor, stored, run, now)
        _insert_scores(database, cursor, run.run_id, comparison.new_scores)
    return comparison.recorded


def _replace(
    database: Database, cursor: DatabaseCursor, stored: StoredRun, run: RunRecord, now: datetime
) -> None:
    (run_id, _, _, _, _, *rest) = rows.run_row(run, now, database.time)
    cursor.execute(database.statements.replace_run, (*rest, run_id, stored.record.attempt))
    if cursor.rowcount != 1:
        raise _LostRace
    cursor.execute(database.statements.insert_attempt, rows.attempt_row(stored.record, database.time))
    changes: Counter[_Cell] = Counter()
    changes[_cell(stored.record, stored.committed_at)] -= 1
    changes[_cell(replace(run, device_id=run.device_id or stored.record.device_id), now)] += 1
    _add_to_totals(database, cursor, changes)


def _insert_scores(database: Database, cursor: DatabaseCursor, run_id: str, scores: Sequence[Score]) -> None:
    for score in scores:
        cursor.execute(database.statements.insert_score, rows.score_row(run_id, score, database.time))


def _cell(record: RunRecord, committed_at: datetime) -> _Cell:
    return floor(committed_at, HOUR), str(record.outcome), record.reason or "", record.device_id or ""


def _add_to_totals(database: Database, cursor: DatabaseCursor, changes: Mapping[_Cell, int]) -> None:
    """Last in the transaction, since every writer of the hour waits for this row; sorted, against deadlocks.

    A cell that another writer inserts at the same moment is a duplicate key: all is undone and tried again.
    """
    for (hour, *rest), runs in sorted(changes.items()):
        parameters = (runs, database.time(hour), *rest)
        cursor.execute(database.statements.update_total, parameters)
        if cursor.rowcount == 0:
            cursor.execute(database.statements.insert_total, parameters)


def _no_contradiction_within(scores: Sequence[Score]) -> None:
    if len({(score.scorer, score.scorer_version) for score in scores}) != len(scores):
        raise ConflictingResult("the same scorer and version scored one image twice")


@dataclass(frozen=True)
class Comparison:
    """What a new result changes about the stored run, and which of its scores are still to be written."""

    recorded: Recorded
    new_scores: tuple[Score, ...] = ()


def compare(
    stored: RunRecord, stored_scores: Sequence[Score], new: RunRecord, scores: Sequence[Score]
) -> Comparison:
    """Compare a new result with what is stored under the same run id.

    Raises ConflictingResult when the same attempt ended differently, or when a score differs under the
    same run, scorer and version: nothing is overwritten then.
    """
    if new.attempt < stored.attempt:
        return Comparison(Recorded.SUPERSEDED)
    _same_image(stored, new)
    if new.attempt == stored.attempt:
        _same_outcome(stored, new)
        return Comparison(Recorded.ALREADY_RECORDED, _not_stored(stored, stored_scores, scores))
    return Comparison(Recorded.REPLACED, _not_stored(stored, stored_scores, scores))


def _same_image(stored: RunRecord, new: RunRecord) -> None:
    if _image(stored) != _image(new):
        raise ConflictingResult(f"run {new.run_id} is stored for another blob version")


def _image(record: RunRecord) -> tuple[str, str, str]:
    return record.container, record.blob_name, record.etag


def _same_outcome(stored: RunRecord, new: RunRecord) -> None:
    if (stored.outcome, stored.reason) != (new.outcome, new.reason):
        raise ConflictingResult(
            f"attempt {new.attempt} of run {new.run_id} is stored as {_outcome(stored)}, not {_outcome(new)}"
        )


def _outcome(record: RunRecord) -> str:
    return f"{record.outcome} ({record.reason})" if record.reason else str(record.outcome)


def _not_stored(
    stored: RunRecord, stored_scores: Sequence[Score], scores: Sequence[Score]
) -> tuple[Score, ...]:
    known = {(score.scorer, score.scorer_version): score.value for score in stored_scores}
    for score in scores:
        if known.get((score.scorer, score.scorer_version), score.value) != score.value:
            raise ConflictingResult(
                f"run {stored.run_id} has another value by {score.scorer} {score.scorer_version}"
            )
    return tuple(score for score in scores if (score.scorer, score.scorer_version) not in known)
