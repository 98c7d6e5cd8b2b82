"""When the purge has something to do: it must not wake a database that sleeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from function_app.models.runs import EndedRun
from function_app.storage.purge_position import PurgePosition

NOW = datetime(2026, 1, 31, 3, tzinfo=UTC)
MONTH = timedelta(days=30)
DAY = timedelta(days=1)
ROW = EndedRun("0" * 32, NOW - MONTH, 7)


def test_a_purge_that_never_ran_or_is_under_way_is_due():
    assert PurgePosition().is_due(NOW, MONTH)
    assert PurgePosition(ROW).is_due(NOW, MONTH)


def test_one_pass_a_day_is_enough():
    done = PurgePosition(ROW, done_at=NOW, next_committed_at=ROW.committed_at)
    assert not done.is_due(NOW + timedelta(hours=5), MONTH)
    assert done.is_due(NOW + DAY - timedelta(hours=2), MONTH)


def test_nothing_is_asked_before_the_oldest_row_that_is_left_is_old_enough():
    done = PurgePosition(ROW, done_at=NOW, next_committed_at=NOW - timedelta(days=5))
    assert not done.is_due(NOW + 25 * DAY, MONTH)
    assert done.is_due(NOW + 26 * DAY, MONTH)
    assert done.is_due(NOW + DAY, timedelta(days=2)), "the retention setting was shortened"


def test_without_a_row_nothing_is_asked_until_one_of_later_could_be_old_enough():
    done = PurgePosition(ROW, done_at=NOW)
    assert not done.is_due(NOW + 29 * DAY, MONTH)
    assert done.is_due(NOW + 31 * DAY, MONTH)


def test_a_pass_goes_on_where_it_stopped_and_a_new_one_begins_a_little_before():
    assert PurgePosition(ROW).at(NOW) == PurgePosition(ROW)
    begun = PurgePosition(ROW, done_at=NOW - DAY).at(NOW)
    assert begun.done_at is None
    assert begun.passed is not None
    assert begun.passed.committed_at == ROW.committed_at - timedelta(minutes=15)


def test_a_position_of_the_future_is_none():
    ahead = EndedRun("0" * 32, NOW + DAY, 7)
    assert PurgePosition(ahead).at(NOW) == PurgePosition()
    assert PurgePosition(ROW, done_at=NOW + DAY).is_due(NOW, MONTH)
