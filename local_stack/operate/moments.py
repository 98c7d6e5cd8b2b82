"""Moments as people type them: ISO 8601, or a span back from now (90s, 15m, 24h, 7d). Standard library only."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from local_stack.errors import StackError

_SPAN = re.compile(r"([1-9]\d{0,4})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(text: str, now: datetime) -> datetime:
    """The moment that ``text`` names, aware; a time without a zone is UTC. Raises StackError for anything else."""
    span = _SPAN.fullmatch(text)
    if span:
        return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        named = datetime.fromisoformat(text)
    except ValueError:
        raise StackError(
            f"{text!r} names no moment.", "write 2026-01-31T12:00:00Z, or a span back: 15m, 24h, 7d"
        ) from None
    return named if named.tzinfo else named.replace(tzinfo=UTC)
