"""The orchestration, replayed as the host replays it: every prefix of every history, old ones too.

``histories/*.json`` are kept in the repository: runs that were in flight under an earlier version must
go on under this one. They are of the first version and stay as they are; RECORD_HISTORIES=1 records those of a
scenario that has none yet.

When a timer is due is no part of what must stay the same: Durable knows a timer by its number alone (that it finds
"a timer task with sequence number 1" where it looks for another is how it words a changed mind; recorded on Functions
host 4.1037 / DurableTask 3.19.0).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from azure.durable_functions.orchestrator import Orchestrator

HISTORIES = Path(__file__).parent / "histories"
SCORES = [
    {"scorer": "pixel_sum", "scorer_version": "1", "value": 130_000, "scored_at": "2026-01-01T00:00:00.5Z"}
]
REQUEST = {
    "run_id": "0" * 32,
    "image": {"container": "img", "blob_name": "cam-1/x.png", "etag": "0x1", "size_bytes": 1100},
    "lineage": {"device_id": "cam-1", "captured_at": "2026-01-01T00:00:00.000000Z"},
    "attempt": 1,
}
FAILURE = "StoreUnavailable: store_unavailable: the database did not answer"
REJECTED = {
    "rejection": {"reason": "wrong_size", "detail": "64x64 pixels; 32x32 are wanted."},
    "sha256": "ab",
}
GONE = {"rejection": {"reason": "superseded", "detail": "The blob was overwritten."}}
CONFLICT = {"rejection": {"reason": "conflicting_result", "detail": "another fact is stored"}}

Script = dict[str, list[Any]]


def scenario(name: str) -> tuple[dict[str, Any], Script]:
    """(request, what each activity answers in turn; the last answer repeats; text is a failure)."""
    always_down = [FAILURE]
    scripts: dict[str, Script] = {
        "scored": {},
        "rejected_by_validation": {"validate_image": [REJECTED]},
        "superseded_before_scoring": {"score_image": [GONE]},
        "validation_retried": {"validate_image": [FAILURE, {"sha256": "ab"}]},
        "scoring_retried_thrice": {"score_image": [FAILURE] * 3 + [{"scores": SCORES}]},
        "database_down_five_tries": {"save_result": [FAILURE] * 5 + [{}]},
        "rejection_retried": {"validate_image": [REJECTED], "reject_image": [FAILURE, FAILURE, {}]},
        "storage_down_for_good": {"validate_image": always_down},
        "saving_given_up": {"save_result": always_down},
        "database_down_for_good": {"save_result": always_down, "fail_image": always_down},
        "conflicting_result": {"save_result": [CONFLICT]},
        "replayed_run": {},
        "request_of_another_version": {},
    }
    request = REQUEST
    if name == "replayed_run":
        request = {**REQUEST, "attempt": 3}
    if name == "request_of_another_version":
        request = {**REQUEST, "priority": "high", "image": {**REQUEST["image"], "tier": "hot"}}  # type: ignore[dict-item]
    return request, scripts[name]


NAMES = [
    "scored", "rejected_by_validation", "superseded_before_scoring", "validation_retried", "scoring_retried_thrice",
    "database_down_five_tries", "rejection_retried", "storage_down_for_good", "saving_given_up",
    "database_down_for_good", "conflicting_result", "replayed_run", "request_of_another_version",
]  # fmt: skip


@pytest.fixture
def answering(activity_failure) -> Callable[..., Any]:
    """The activities of a scenario, those of which ``answered`` names have answered before."""

    def make(name: str, answered: Sequence[str] = ()) -> Callable[[str, dict[str, Any]], object]:
        _, script = scenario(name)
        usual = {"validate_image": {"sha256": "ab"}, "score_image": {"sha256": "ab", "scores": SCORES}}
        turns = {
            step: itertools.chain(answers, itertools.repeat(answers[-1])) for step, answers in script.items()
        }

        def answer(step: str, _: dict[str, Any]) -> object:
            told = next(turns[step]) if step in turns else usual.get(step, {})
            if isinstance(told, str):
                raise activity_failure(told)
            return told

        for step in answered:
            with contextlib.suppress(activity_failure):
                answer(step, {})
        return answer

    return make


@pytest.fixture
def play(orchestration, answering) -> Callable[[str], Any]:
    """Play a scenario to its end."""

    def run(name: str) -> Any:
        played = orchestration(scenario(name)[0], answering(name))
        played.run()
        return played

    return run


def steps(played: Any) -> list[str]:
    return [action.get("functionName", "wait") for action in played.scheduled]


def result(played: Any) -> dict[str, Any]:
    return played.episodes[-1][1]["output"]


def test_a_good_image_is_validated_scored_and_saved(play):
    played = play("scored")
    assert steps(played) == ["validate_image", "score_image", "save_result"]
    record = result(played)["record"]
    assert (record["outcome"], record["reason"], record["attempt"]) == ("scored", None, 1)
    assert result(played)["scores"][0]["value"] == 130_000
    assert record["device_id"] == "cam-1"
    assert record["started_at"] <= record["finished_at"]
    assert json.loads(played.scheduled[2]["input"]) == result(played)


def test_a_bad_image_is_rejected_with_its_reason_and_never_scored(play):
    played = play("rejected_by_validation")
    assert steps(played) == ["validate_image", "reject_image"]
    record = result(played)["record"]
    assert (record["outcome"], record["reason"], record["sha256"]) == ("rejected", "wrong_size", "ab")


def test_an_image_overwritten_before_scoring_is_rejected_as_superseded(play):
    assert steps(play("superseded_before_scoring")) == ["validate_image", "score_image", "reject_image"]


def test_a_transient_failure_is_retried_and_the_status_tells_why_and_when(play):
    played = play("validation_retried")
    assert steps(played) == ["validate_image", "wait", "validate_image", "score_image", "save_result"]
    waiting = played.episodes[1][1]["customStatus"]
    assert waiting["step"] == "validate_image"
    [failure] = waiting["failures"]
    assert (failure["step"], failure["number"]) == ("validate_image", 1)
    assert failure["error"] == "store_unavailable: the database did not answer"
    assert datetime.fromisoformat(waiting["next_try_at"]) > datetime.fromisoformat(failure["at"])
    afterwards = played.episodes[2][1]["customStatus"]
    assert afterwards["next_try_at"] is None
    assert afterwards["failure_count"] == 1


def test_the_delays_grow_and_the_whole_outlasts_ten_minutes(play):
    played = play("storage_down_for_good")
    waits = [a["fireAt"] for a in played.scheduled if a["actionType"] == 5]
    first_failure = datetime.fromisoformat(played.episodes[1][1]["customStatus"]["failures"][0]["at"])
    moments = [first_failure, *map(datetime.fromisoformat, waits)]
    gaps = [(b - a).total_seconds() for a, b in itertools.pairwise(moments)]
    assert gaps[0] < gaps[2] < gaps[4]
    assert max(gaps) <= 72
    assert 720 <= (moments[-1] - moments[0]).total_seconds() <= 1080


def test_what_fails_for_good_is_recorded_as_failed_with_its_cause(play):
    for name, step in (("storage_down_for_good", "validate_image"), ("saving_given_up", "save_result")):
        played = play(name)
        assert steps(played).count(step) == 20
        assert steps(played)[-1] == "fail_image"
        record = result(played)["record"]
        assert (record["outcome"], record["reason"]) == ("failed", "store_unavailable")
        assert "the database did not answer" in record["detail"]


def test_when_even_the_failure_cannot_be_recorded_the_orchestration_fails_for_the_sweep_to_find(play):
    played = play("database_down_for_good")
    assert "fail_image failed 20 times" in str(played.error)
    assert len(json.dumps(played.episodes[-1][1]["customStatus"]).encode("utf-16")) < 16_384


def test_a_fact_that_contradicts_the_store_is_told_and_not_written_again(play):
    played = play("conflicting_result")
    assert steps(played)[-1] == "save_result"
    assert result(played)["record"]["reason"] == "conflicting_result"


def test_a_replay_keeps_its_attempt_number_and_unknown_fields_do_no_harm(play):
    assert result(play("replayed_run"))["record"]["attempt"] == 3
    assert result(play("request_of_another_version"))["record"]["outcome"] == "scored"


@pytest.mark.parametrize("name", NAMES)
def test_every_prefix_of_a_history_gives_the_same_actions_again(play, replayed, name):
    played = play(name)
    request = json.dumps(scenario(name)[0])
    final = played.episodes[-1][1]["actions"][0]
    for length, response in played.episodes:
        again = replayed(request, played.history[:length])
        assert again == response
        assert again["actions"][0] == final[: len(again["actions"][0])]


@pytest.mark.parametrize("name", NAMES)
def test_histories_recorded_by_earlier_versions_still_replay(play, replayed, name):
    path = HISTORIES / f"{name}.json"
    if os.environ.get("RECORD_HISTORIES") and not path.exists():
        played = play(name)
        told = {
            "request": scenario(name)[0],
            "history": played.history,
            "episodes": [[length, len(response["actions"][0])] for length, response in played.episodes],
            "actions": played.episodes[-1][1]["actions"][0],
        }
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(told) + "\n")
    told = json.loads(path.read_text())
    for length, scheduled in told["episodes"]:
        response = replayed(json.dumps(told["request"]), told["history"][:length])
        assert undated(response["actions"][0]) == undated(told["actions"][:scheduled]), NEW_FIELD


NEW_FIELD = "a field that a model has gained since is `absent_when_none`, as RunRequest.traceparent is"


def undated(actions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the moments at which timers fire."""
    return [{key: value for key, value in action.items() if key != "fireAt"} for action in actions]


@pytest.mark.parametrize("name", NAMES)
def test_a_run_begun_under_an_earlier_version_goes_on_to_the_same_end_from_wherever_it_was(
    orchestration, answering, name
):
    told = json.loads((HISTORIES / f"{name}.json").read_text())
    whole = [action.get("functionName", "wait") for action in told["actions"]]
    some = range(0, len(told["episodes"]), 1 + len(told["episodes"]) // 10)  # ten turns of a long one
    for length, _ in (told["episodes"][turn] for turn in some):
        history = told["history"][:length]
        scheduled = {event["EventId"]: event["Name"] for event in history if event["EventType"] == 4}
        answered = [scheduled[event["TaskScheduledId"]] for event in history if event["EventType"] in (5, 6)]
        went_on = orchestration(told["request"], answering(name, answered), history)
        went_on.run()
        assert steps(went_on) == whole


def test_an_orchestrator_that_changed_its_mind_is_caught_by_the_recorded_histories(replayed):
    def hasty(context: Any) -> Any:
        yield context.call_activity("score_image", {})

    told = json.loads((HISTORIES / "scored.json").read_text())
    broken = Orchestrator.create(hasty)
    length, scheduled = told["episodes"][0]
    response = replayed(json.dumps(told["request"]), told["history"][:length], broken)
    assert response["actions"][0] != told["actions"][:scheduled]
