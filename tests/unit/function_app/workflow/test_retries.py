"""The waits between tries and the words for what went wrong."""

from __future__ import annotations

import pytest

from function_app.workflow.retries import MAX_TRIES, SHORTEST_DELAY, cause_of, delay_before_retry

NAMED, UNNAMED = "store_unavailable", "unexpected_error"
CRASHED = "worker_crashed"
TIMERS_ARE_EARLY_BY = 1.0  # at most, as Durable fires them on Azure Storage (recorded)


def seconds(failures: int, key: str = "run/step", reason: str = NAMED) -> float:
    return delay_before_retry(failures, key, reason).total_seconds()


def test_waits_double_up_to_a_minute_give_or_take_a_fifth():
    for failures in range(1, MAX_TRIES):
        middle = min(60, 2**failures)
        assert 0.8 * middle <= seconds(failures) <= 1.2 * middle


@pytest.mark.parametrize("reason", [NAMED, UNNAMED, CRASHED])
def test_no_wait_is_so_short_that_a_timer_s_haste_makes_it_none(reason):
    shortest = min(
        seconds(failures, f"run-{n}", reason) for failures in range(1, MAX_TRIES) for n in range(1000)
    )
    assert shortest > TIMERS_ARE_EARLY_BY + 0.5
    if reason == NAMED:
        assert SHORTEST_DELAY.total_seconds() <= shortest - TIMERS_ARE_EARLY_BY < 0.61


@pytest.mark.parametrize("reason", [UNNAMED, CRASHED])
def test_a_step_whose_worker_died_is_not_tried_before_there_is_a_new_one(reason):
    for failures in range(1, MAX_TRIES):
        for n in range(1000):
            assert seconds(failures, f"run-{n}", reason) >= max(8.0, seconds(failures, f"run-{n}"))


def test_waits_replay_the_same_and_spread_over_runs():
    assert seconds(5) == seconds(5)
    assert len({seconds(5, f"run-{n}") for n in range(50)}) == 50


@pytest.mark.parametrize("reason", [NAMED, UNNAMED, CRASHED])
def test_an_outage_of_ten_minutes_is_outlasted_by_every_run(reason):
    """With a minute to spare though every timer be early; none is tried for much longer than the guide's 15 minutes."""
    early = TIMERS_ARE_EARLY_BY * (MAX_TRIES - 1)
    for n in range(1000):
        waited = sum(seconds(failures, f"run-{n}", reason) for failures in range(1, MAX_TRIES))
        assert waited - early >= 11 * 60
        assert waited <= 17 * 60


def test_an_outage_of_ten_minutes_is_outlasted_at_the_jitter_s_worst():
    shortest = 0.8 * sum(min(60, 2**failures) for failures in range(1, MAX_TRIES))
    assert shortest - TIMERS_ARE_EARLY_BY * (MAX_TRIES - 1) >= 11 * 60


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
