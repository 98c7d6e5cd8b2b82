"""Moments as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local_stack.errors import StackError
from local_stack.operate.moments import moment

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("15m", NOW - timedelta(minutes=15)),
        ("24h", NOW - timedelta(hours=24)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-01-30T12:00:00Z", NOW - timedelta(days=1)),
        ("2026-01-30T12:00:00", NOW - timedelta(days=1)),
        ("2026-01-30T13:00:00+01:00", NOW - timedelta(days=1)),
    ],
)
def test_a_span_or_iso_8601_names_a_moment(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "0m", "m", "-5m", "1w", "2026-13-01"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(StackError, match="names no moment"):
        moment(text, NOW)
