"""NCRONTAB schedules against occurrences worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from functions_host.triggers.timers.schedule import is_monitored, parse_schedule

START = datetime(2026, 1, 1, 10, 0, 0, tzinfo=UTC)  # a Thursday


@pytest.mark.parametrize(
    ("expression", "following"),
    [
        ("*/5 * * * * *", datetime(2026, 1, 1, 10, 0, 5, tzinfo=UTC)),
        ("0 */5 * * * *", datetime(2026, 1, 1, 10, 5, 0, tzinfo=UTC)),
        ("30 0 * * * *", datetime(2026, 1, 1, 10, 0, 30, tzinfo=UTC)),
        ("*/5 * * * *", datetime(2026, 1, 1, 10, 5, 0, tzinfo=UTC)),
        ("0 30 9 * * MON-FRI", datetime(2026, 1, 2, 9, 30, 0, tzinfo=UTC)),
        ("0 0 0 * Feb Sun", datetime(2026, 2, 1, 0, 0, 0, tzinfo=UTC)),
        ("0 0 12 29 2 *", datetime(2028, 2, 29, 12, 0, 0, tzinfo=UTC)),
        ("00:05:00", START + timedelta(minutes=5)),
        ("1.00:00:00", START + timedelta(days=1)),
    ],
)
def test_next_occurrence(expression: str, following: datetime) -> None:
    assert parse_schedule(expression).after(START) == following


def test_day_of_month_and_day_of_week_must_both_match() -> None:
    """Plain cron would take either; NCRONTAB takes Friday the 13th only."""
    assert parse_schedule("0 0 0 13 * FRI").after(START) == datetime(2026, 2, 13, tzinfo=UTC)


def test_a_day_that_never_comes_never_fires() -> None:
    assert parse_schedule("0 0 0 30 2 *").after(START) is None


@pytest.mark.parametrize(
    "expression", ["", "* * *", "61 * * * * *", "0 0 0 * * FUNDAY", "00:00:00", "* * * * * * *"]
)
def test_unusable_expression_is_refused(expression: str) -> None:
    with pytest.raises(ValueError):
        parse_schedule(expression)


@pytest.mark.parametrize(
    ("expression", "asked", "monitored"),
    [
        ("0 */5 * * * *", True, True),
        ("0 */5 * * * *", False, False),
        ("*/5 * * * * *", True, False),
        ("0 0 0 30 2 *", True, True),
    ],
)
def test_schedules_under_a_minute_are_never_monitored(expression: str, asked: bool, monitored: bool) -> None:
    assert is_monitored(parse_schedule(expression), asked, START) is monitored
