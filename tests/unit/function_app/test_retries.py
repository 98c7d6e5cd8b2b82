"""The waits between tries and the words for what went wrong."""

from __future__ import annotations

import pytest

from function_app.retries import MAX_TRIES, cause_of, delay_before_retry


def seconds(failures: int, key: str = "run/step") -> float:
    return delay_before_retry(failures, key).total_seconds()


def test_waits_double_up_to_a_minute_give_or_take_a_fifth():
    for failures in range(1, MAX_TRIES):
        middle = min(60, 2 ** (failures - 1))
        assert 0.8 * middle <= seconds(failures) <= 1.2 * middle


def test_waits_replay_the_same_and_spread_over_runs():
    assert seconds(5) == seconds(5)
    assert len({seconds(5, f"run-{n}") for n in range(50)}) == 50


def test_an_outage_of_ten_minutes_is_outlasted_by_every_run():
    """With a minute to spare, and no run is tried for much longer than the 14 minutes that the guide tells."""
    for n in range(1000):
        assert 11 * 60 <= sum(seconds(failures, f"run-{n}") for failures in range(1, MAX_TRIES)) <= 17 * 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Activity function 'save_result' failed:  StoreUnavailable: store_unavailable: no answer \n {}",
            ("store_unavailable", "no answer"),
        ),
        ("Activity function 'x' failed: KeyError: 'a' \n Traceback", ("unexpected_error", "KeyError: 'a'")),
        ("The worker\n went away", ("unexpected_error", "The worker went away")),
        ("", ("unexpected_error", "")),
    ],
)
def test_causes_are_read_from_the_texts_that_hosts_write(text, expected):
    assert cause_of(text) == expected


def test_a_cause_never_grows_long():
    assert len(cause_of("x failed: OSError: " + "y" * 5000)[1]) <= 200
