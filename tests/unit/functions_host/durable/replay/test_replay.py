"""The pure replayer against histories written by hand: ids, decisions, and what is left open (B4, B11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions_host.durable.events import Event, EventType
from functions_host.durable.replay.actions import (
    Action,
    CallActivity,
    ContinueAsNew,
    CreateTimer,
    RetryOptions,
    WaitForEvent,
    WhenAll,
    WhenAny,
)
from functions_host.durable.replay.replay import NonDeterministicError, ReplayOutcome, replay

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RETRY = RetryOptions(max_attempts=2, first_interval_ms=60_000)


def turn(at: datetime = T0) -> Event:
    return Event(EventType.ORCHESTRATOR_STARTED, at)


def started() -> list[Event]:
    return [turn(), Event(EventType.EXECUTION_STARTED, T0)]


def scheduled(task_id: int, name: str = "a") -> Event:
    return Event(EventType.TASK_SCHEDULED, T0, task_id, {"Name": name})


def timer(timer_id: int) -> Event:
    return Event(EventType.TIMER_CREATED, T0, timer_id, {"FireAt": ""})


def ok(task_id: int) -> Event:
    return Event(EventType.TASK_COMPLETED, T0, -1, {"TaskScheduledId": task_id, "Result": None})


def bad(task_id: int) -> Event:
    return Event(EventType.TASK_FAILED, T0, -1, {"TaskScheduledId": task_id})


def fired(timer_id: int) -> Event:
    return Event(EventType.TIMER_FIRED, T0, -1, {"TimerId": timer_id})


def raised(name: str) -> Event:
    return Event(EventType.EVENT_RAISED, T0, -1, {"Name": name, "Input": "1"})


def call(name: str = "a", retry: RetryOptions | None = None) -> CallActivity:
    return CallActivity(name, None, retry)


def decided(outcome: ReplayOutcome) -> list[tuple[str, int]]:
    return [(decision.event_type.name, decision.task_id) for decision in outcome.decisions]


def retried(name: str = "a") -> Action:
    return WhenAll((call(name, RETRY),))  # as the SDK wraps it


def test_the_recorded_ids_of_one_retried_activity_are_reproduced() -> None:
    """Contract B2: 0 validate, 1 score fails, 2 pause, 3 score again, 4 and 5 side by side."""
    actions: list[Action] = [
        call("validate"),
        WhenAll((call("score", RetryOptions(3, 1000)),)),
        WhenAll((call("write"), call("write"))),
    ]
    history = [*started()]
    assert decided(replay(history, actions[:1])) == [("TASK_SCHEDULED", 0)]
    history += [scheduled(0, "validate"), turn(), ok(0)]
    assert decided(replay(history, actions[:2])) == [("TASK_SCHEDULED", 1)]
    history += [scheduled(1, "score"), turn(T0 + MINUTE), bad(1)]
    outcome = replay(history, actions[:2])
    assert decided(outcome) == [("TIMER_CREATED", 2)]
    assert outcome.decisions[0].fire_at == T0 + MINUTE + timedelta(seconds=1)
    history += [timer(2), turn(), fired(2)]
    assert decided(replay(history, actions[:2])) == [("TASK_SCHEDULED", 3)]
    history += [scheduled(3, "score"), turn(), ok(3)]
    assert decided(replay(history, actions)) == [("TASK_SCHEDULED", 4), ("TASK_SCHEDULED", 5)]
    history += [scheduled(4, "write"), scheduled(5, "write"), turn(), ok(4), turn(), ok(5)]
    outcome = replay(history, actions)
    assert (outcome.decisions, outcome.walked_to_end, outcome.open_tasks) == ([], True, 0)
    assert outcome.next_id == 6


def test_exhaustion_of_two_attempts_takes_four_ids_the_last_a_timer_without_delay() -> None:
    actions = [retried(), call("next")]
    history = [*started(), scheduled(0), turn(), bad(0), timer(1), turn(), fired(1), scheduled(2)]
    history += [turn(T0 + MINUTE), bad(2)]
    outcome = replay(history, actions)
    assert decided(outcome) == [("TIMER_CREATED", 3)]
    assert outcome.decisions[0].fire_at == T0 + MINUTE
    assert not outcome.walked_to_end
    assert decided(replay([*history, timer(3), turn(), fired(3)], actions)) == [("TASK_SCHEDULED", 4)]


def test_everything_of_a_retry_loop_names_its_first_attempt() -> None:
    history = [*started(), scheduled(0, "x"), scheduled(1), turn(), bad(1)]
    (pause,) = replay(history, [WhenAll((call("x"), call("a", RETRY)))]).decisions
    assert pause.retry_of == 1


@pytest.mark.parametrize("extra", [ok(7), bad(7), fired(7)])
def test_an_answer_to_an_unknown_id_is_a_duplicate_and_ignored(extra: Event) -> None:
    outcome = replay([*started(), scheduled(0), turn(), extra, ok(0), ok(0)], [call()])
    assert (outcome.walked_to_end, outcome.open_tasks) == (True, 0)


def test_batched_and_single_answers_give_the_same_ids() -> None:
    actions: list[Action] = [WhenAll(tuple(call(f"n{n}", RETRY) for n in range(6))), call("last")]
    calls = [scheduled(n, f"n{n}") for n in range(6)]
    batched = [*started(), *calls, turn(), *[ok(n) for n in range(6)]]
    single = [*started(), *calls, *[event for n in range(6) for event in (turn(), ok(n))]]
    assert decided(replay(batched, actions)) == decided(replay(single, actions)) == [("TASK_SCHEDULED", 6)]


def test_when_any_walks_on_at_the_first_and_leaves_the_other_open() -> None:
    actions: list[Action] = [WhenAny((call("a"), call("b"))), call("c")]
    outcome = replay([*started(), scheduled(0, "a"), scheduled(1, "b"), turn(), ok(1)], actions)
    assert decided(outcome) == [("TASK_SCHEDULED", 2)]
    assert outcome.open_tasks == 2


def test_when_all_waits_for_every_child_even_after_a_failure() -> None:
    actions: list[Action] = [WhenAll((call("a"), call("b"))), call("c")]
    history = [*started(), scheduled(0, "a"), scheduled(1, "b"), turn(), bad(0)]
    assert decided(replay(history, actions)) == []
    assert decided(replay([*history, turn(), ok(1)], actions)) == [("TASK_SCHEDULED", 2)]


def test_a_cancelled_timer_keeps_its_id_and_is_not_open() -> None:
    actions: list[Action] = [WhenAny((CreateTimer(T0, is_canceled=True), call("a"))), call("b")]
    history = [*started(), timer(0), scheduled(1, "a"), turn(), ok(1)]
    outcome = replay(history, actions)
    assert decided(outcome) == [("TASK_SCHEDULED", 2)]
    assert outcome.canceled_timers == {0}
    assert outcome.open_tasks == 1
    assert replay([*history, scheduled(2, "b"), turn(), ok(2), fired(0)], actions).open_tasks == 0


@pytest.mark.parametrize("empty", [WhenAll(()), WhenAny(())])
def test_a_join_of_nothing_is_over_at_once(empty: Action) -> None:
    assert decided(replay(started(), [empty, call()])) == [("TASK_SCHEDULED", 0)]


def test_events_without_a_waiter_are_buffered_in_order() -> None:
    actions: list[Action] = [call(), WaitForEvent("Go"), WaitForEvent("go")]
    history = [*started(), scheduled(0), turn(), raised("GO"), turn(), ok(0)]
    assert not replay(history, actions).walked_to_end
    assert replay([*history, turn(), raised("Go")], actions).walked_to_end


def test_waiting_for_events_and_continuing_as_new_take_no_ids() -> None:
    actions: list[Action] = [WaitForEvent("Go"), call(), ContinueAsNew('"x"')]
    history = [*started(), turn(), raised("Go"), scheduled(0), turn(), ok(0)]
    outcome = replay(history, actions)
    assert (outcome.continue_as_new, outcome.next_input, outcome.next_id) == (True, '"x"', 1)


def test_only_unconsumed_events_after_continue_as_new_are_carried_over() -> None:
    actions: list[Action] = [
        WhenAny((CreateTimer(T0, is_canceled=True), WaitForEvent("Go"))),
        ContinueAsNew(None),
    ]
    history = [*started(), timer(0), turn(), raised("Go"), raised("Go"), raised("Other")]
    assert [event.fields["Name"] for event in replay(history, actions).carried_over] == ["Go", "Other"]


@pytest.mark.parametrize(
    "recorded",
    [scheduled(0, "other"), scheduled(1, "a"), timer(0)],
    ids=["another name", "another id", "another kind"],
)
def test_history_the_orchestrator_does_not_repeat_is_non_deterministic(recorded: Any) -> None:
    with pytest.raises(NonDeterministicError, match="Non-Deterministic"):
        replay([*started(), recorded], [call("a")])


def test_pauses_grow_and_are_capped() -> None:
    retry = RetryOptions(5, 1000, backoff=2.0, max_interval_ms=3000)
    assert [retry.delay_ms(failures) for failures in (1, 2, 3, 4)] == [1000, 2000, 3000, 3000]
