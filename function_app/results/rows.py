"""Rows to records and back: the same columns in the same order for both stores.

What does not fit its column is refused here, before any database sees it, so that both stores refuse
the same things: SQL Server would turn non-ASCII text in a VARCHAR column into question marks, and
SQLite would store anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from function_app.errors import Permanent
from function_app.models.identity import blob_key_of, is_run_id
from function_app.models.runs import EarlierAttempt, Outcome, RunRecord, Score, StoredRun

DETAIL_UNITS = 2048
BIGINT_LIMIT = 2**63
TimeToParameter = Callable[[datetime], str]


class Unstorable(Permanent):
    """A value that does not fit its column; the detail names the column, not the value."""

    reason = "unstorable"


def run_row(record: RunRecord, committed_at: datetime, time: TimeToParameter) -> tuple[Any, ...]:
    """The parameters of an insert into ``runs``. Raises Unstorable."""
    if not is_run_id(record.run_id):
        raise Unstorable("run_id is not 32 hex digits")
    if not 1 <= record.attempt < 2**31 or not 0 <= record.size_bytes < BIGINT_LIMIT:
        raise Unstorable("attempt or size_bytes is out of range")
    return (
        record.run_id,
        exact(record.container, 63, "container"),
        exact(record.blob_name, 1024, "blob_name"),
        blob_key_of(record.container, record.blob_name),
        exact(record.etag, 64, "etag"),
        record.size_bytes,
        None if record.sha256 is None else ascii_word(record.sha256, 64, "sha256"),
        None if record.device_id is None else exact(record.device_id, 63, "device_id"),
        None if record.source_name is None else exact(record.source_name, 2048, "source_name"),
        *(None if when is None else time(when) for when in _times(record)),
        str(Outcome(record.outcome)),
        None if record.reason is None else ascii_word(record.reason, 64, "reason"),
        None if record.detail is None else cut(record.detail, DETAIL_UNITS),
        record.attempt,
        time(committed_at),
    )


def _times(record: RunRecord) -> tuple[datetime | None, ...]:
    return record.captured_at, record.uploaded_at, record.started_at, record.finished_at


def score_row(run_id: str, score: Score, time: TimeToParameter) -> tuple[Any, ...]:
    """The parameters of an insert into ``scores``. Raises Unstorable."""
    if not -BIGINT_LIMIT <= score.value < BIGINT_LIMIT:
        raise Unstorable("value is out of range")
    scorer = ascii_word(score.scorer, 64, "scorer")
    return (
        run_id,
        scorer,
        ascii_word(score.scorer_version, 32, "scorer_version"),
        score.value,
        time(score.scored_at),
    )


def attempt_row(record: RunRecord, time: TimeToParameter) -> tuple[Any, ...]:
    """The parameters of an insert into ``attempts``, for a record that is being replaced."""
    outcome = (str(record.outcome), record.reason, record.detail, time(record.finished_at))
    return record.run_id, record.attempt, *outcome


def stored_run(row: Sequence[Any]) -> StoredRun:
    """A row of ``runs`` (recent_id, then the columns of an insert without blob_key)."""
    return StoredRun(
        recent_id=row[0],
        record=RunRecord(
            run_id=row[1],
            container=row[2],
            blob_name=row[3],
            etag=row[4],
            size_bytes=row[5],
            sha256=row[6],
            device_id=row[7],
            source_name=row[8],
            captured_at=time_or_none(row[9]),
            uploaded_at=time_or_none(row[10]),
            started_at=time_or_none(row[11]),
            finished_at=time_of(row[12]),
            outcome=Outcome(row[13]),
            reason=row[14],
            detail=row[15],
            attempt=row[16],
        ),
        committed_at=time_of(row[17]),
    )


def score_of(row: Sequence[Any]) -> Score:
    """A row of ``scores`` after its run_id."""
    return Score(scorer=row[0], scorer_version=row[1], value=row[2], scored_at=time_of(row[3]))


def earlier_attempt(row: Sequence[Any]) -> EarlierAttempt:
    """A row of ``attempts`` after its run_id."""
    return EarlierAttempt(
        attempt=row[0], outcome=Outcome(row[1]), reason=row[2], detail=row[3], finished_at=time_of(row[4])
    )


def time_of(value: str | datetime) -> datetime:
    """A time column as an aware UTC datetime: SQLite returns text, pyodbc a naive datetime."""
    parsed = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return parsed if parsed.tzinfo is UTC else parsed.replace(tzinfo=UTC)


def time_or_none(value: str | datetime | None) -> datetime | None:
    """The same for a column that may be null."""
    return None if value is None else time_of(value)


def exact(text: str, units: int, column: str) -> str:
    """Text that must be kept as it is, up to so many UTF-16 units. Raises Unstorable."""
    if not _is_storable(text) or len(text.encode("utf-16-le")) > 2 * units:
        raise Unstorable(f"{column} is longer than {units} or holds characters no database takes")
    return text


def ascii_word(text: str, length: int, column: str) -> str:
    """Text of a VARCHAR column: printable ASCII, no space at the end. Raises Unstorable."""
    if len(text) > length or not text.isascii() or not text.isprintable() or text != text.strip():
        raise Unstorable(f"{column} must be printable ASCII of at most {length} characters")
    return text


def cut(text: str, units: int) -> str:
    """Text for people: made storable and cut to so many UTF-16 units."""
    if not _is_storable(text):
        text = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    kept = text.encode("utf-16-le")
    if len(kept) <= 2 * units:
        return text
    return kept[: 2 * (units - 1)].decode("utf-16-le", "ignore") + "…"


def _is_storable(text: str) -> bool:
    """No NUL (which one of the engines refuses) and no half of a surrogate pair (which none can encode)."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
