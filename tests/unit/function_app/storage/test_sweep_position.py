"""What a pass may settle: only a whole one, only a clean one, and only what was there well before it began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from function_app.storage.sweep_position import SweepPosition

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)


def test_a_clean_pass_settles_what_was_uploaded_a_quarter_of_an_hour_before_it_began():
    ended = SweepPosition().at(NOW).after(None, clean=True)
    assert (ended.settled_before, ended.asked_about_all) == (NOW - QUARTER, NOW)


def test_a_pass_over_several_ticks_settles_by_its_beginning_and_only_at_its_end():
    first = SweepPosition().at(NOW).after("page-2", clean=True)
    assert first.settled_before is None
    second = first.at(NOW + timedelta(minutes=5))
    assert (second.cursor, second.begun) == ("page-2", NOW)
    assert second.after(None, clean=True).settled_before == NOW - QUARTER


def test_one_image_that_waits_anywhere_in_a_pass_lets_it_settle_nothing():
    first = SweepPosition().at(NOW).after("page-2", clean=False)
    ended = first.at(NOW + timedelta(minutes=5)).after(None, clean=True)
    assert ended.settled_before is None


def test_an_unclean_pass_leaves_what_was_settled_before_it():
    settled = SweepPosition().at(NOW).after(None, clean=True)
    later = NOW + timedelta(hours=1)
    unclean = settled.at(later).after(None, clean=False)
    assert unclean.settled_before == NOW - QUARTER
    assert unclean.at(later + timedelta(minutes=5)).clean


def test_passes_that_asked_about_the_newest_only_do_not_put_off_the_daily_one():
    position = SweepPosition().at(NOW).after(None, clean=True)
    for hours in range(1, 24):
        position = position.at(NOW + timedelta(hours=hours)).after(None, clean=True)
        assert position.asked_about_all == NOW
        assert position.settled_before == NOW + timedelta(hours=hours) - QUARTER
    assert position.at(NOW + timedelta(hours=24)) == SweepPosition(begun=NOW + timedelta(hours=24))


def test_a_position_of_an_earlier_version_begins_a_new_pass():
    assert SweepPosition(cursor="page-2").at(NOW) == SweepPosition(begun=NOW)


def test_a_position_written_while_the_clock_was_a_day_ahead_settles_nothing():
    tomorrow = NOW + timedelta(days=1)
    assert SweepPosition().at(tomorrow).after(None, clean=True).at(NOW) == SweepPosition(begun=NOW)
    assert SweepPosition().at(tomorrow).after("page-2", clean=True).at(NOW) == SweepPosition(begun=NOW)
