"""Times: as people type them, and as they are measured. Standard library only.

A duration is a whole number without leading zeros, of at most five digits, and a unit: ``90s``, ``15m``, ``24h``,
``7d``; at most 3660d. It is the API's grammar (``function_app/http_api/query.py``), with which a contract test compares
it. Where a moment is asked for, a duration names the one so long ago.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from local_stack.errors import StackError

_DURATION = re.compile(r"([1-9][0-9]{0,4})([smhd])")
# As the API has it: Python alone would read 1764021512345, a time in milliseconds, as a day of the year 1764.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=3660)


def moment(text: str, now: datetime) -> datetime:
    """The moment that ``text`` names, aware; a time without a zone is UTC. Raises StackError for anything else."""
    found = _DURATION.fullmatch(text)
    if found:
        duration = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if duration > _LONGEST:
            raise StackError(f"{text} is too long.", f"at most {_LONGEST.days}d")
        return now - duration
    try:
        if _MOMENT.fullmatch(text) is None:
            raise ValueError(text)
        named = datetime.fromisoformat(text)
        named.astimezone(UTC)
    except (ValueError, OverflowError):
        raise StackError(
            f"{text!r} is neither a time nor a duration.",
            "write 2026-01-31T12:00:00Z, or how long ago: 90s, 15m, 24h, 7d",
        ) from None
    return named if named.tzinfo else named.replace(tzinfo=UTC)


def file_to_row(run: dict[str, Any]) -> float | None:
    """Seconds from file complete (its modification time, in the blob's metadata) to row committed; None if unknown."""
    captured, committed = run.get("captured_at"), run.get("committed_at")
    if not captured or not committed:
        return None
    return (datetime.fromisoformat(committed) - datetime.fromisoformat(captured)).total_seconds()


def percentiles(values: Iterable[float]) -> dict[str, float | None]:
    """p50, p95 and p99, rounded to milliseconds; None where there is no value."""
    ordered = sorted(values)
    return {f"p{rank}": round(percentile(ordered, rank), 3) if ordered else None for rank in (50, 95, 99)}


def percentile(ordered: Sequence[float], rank: int) -> float:
    """Nearest rank: the smallest of the ordered values that at least ``rank`` percent of them do not exceed.

    The definition of the API and of the agent too; a contract test compares. Raises IndexError without a value.
    """
    return ordered[-(-len(ordered) * rank // 100) - 1]
