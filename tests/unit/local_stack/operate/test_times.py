"""Times as people type them, and as they are measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local_stack.errors import StackError
from local_stack.operate.times import file_to_row, moment, percentiles

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
    with pytest.raises(StackError, match="neither a time nor a duration"):
        moment(text, NOW)


def test_latency_is_from_the_files_completion_to_the_committed_row() -> None:
    run = {"captured_at": "2026-01-01T00:00:00.250000Z", "committed_at": "2026-01-01T00:00:01.000000Z"}
    assert file_to_row(run) == 0.75
    assert file_to_row({"captured_at": None, "committed_at": "2026-01-01T00:00:01Z"}) is None


def test_percentiles_are_nearest_rank_and_empty_without_values() -> None:
    assert percentiles(float(n) for n in range(1, 101)) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert percentiles([]) == {"p50": None, "p95": None, "p99": None}
