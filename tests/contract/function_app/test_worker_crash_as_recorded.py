"""A worker process that dies under an activity, as Microsoft's host tells the orchestration of it, and what ours does.

The texts are those of Functions host 4.1037 / DurableTask 3.19.0 (``tests/contract/recordings/durable/kill.json``: a
worker killed with -9 under a fan-out of eight activities). None of these activities is delivered again: an
orchestration that does not call it once more fails with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from function_app.workflow.retries import cause_of, delay_before_retry

RECORDED = Path(__file__).parents[1] / "recordings" / "durable" / "kill.json"
REQUEST = {
    "run_id": "0" * 32,
    "image": {"container": "img", "blob_name": "cam-1/x.png", "etag": "0x1", "size_bytes": 1100},
    "lineage": {"device_id": "cam-1"},
    "attempt": 1,
}
SCORE = {"scorer": "pixel_sum", "scorer_version": "1", "value": 7, "scored_at": "2026-01-01T00:00:00.5Z"}
GOOD = {"validate_image": {"sha256": "ab"}, "score_image": {"sha256": "ab", "scores": [SCORE]}}
BAD = {"validate_image": {"rejection": {"reason": "wrong_size", "detail": "64x64"}, "sha256": "ab"}}
BLOB_GONE_WRONG = "StorageUnavailable: storage_unavailable: no answer"


def rows() -> dict[str, Any]:
    return {row["label"]: row for row in json.loads(RECORDED.read_text())}


def killed() -> list[dict[str, Any]]:
    """What the history says of the activities whose worker was killed."""
    events = rows()["history k-worker"]["answer"]["body"]["historyEvents"]
    return [event for event in events if event["EventType"] == "TaskFailed"]


def test_each_activity_under_way_failed_and_was_not_delivered_again() -> None:
    notes = next(row["executed"] for row in json.loads(RECORDED.read_text()) if row["label"] == "executed")
    begun, ended = (
        [value["i"] for what, value in notes if what == name] for name in ("nap begins", "nap ends")
    )
    assert len(killed()) == len(set(begun) - set(ended)) == 4
    assert len(begun) == len(set(begun)) == 8


def test_a_worker_s_death_has_a_reason_of_its_own() -> None:
    """In the words that the SDK makes of a failed task: reason, line break, details."""
    for event in killed():
        assert cause_of(f"{event['Reason']} \n {event['Details']}") == (
            "worker_crashed",
            "the worker process exited with code 137 while it ran this step",
        )


def test_a_new_worker_is_there_sooner_than_the_step_is_tried_again() -> None:
    """However the jitter falls."""
    waits = [delay_before_retry(1, f"run-{n}", "worker_crashed").total_seconds() for n in range(1000)]
    assert rows()["worker again"]["value"]["after"] < min(waits)


def test_an_exception_of_the_app_that_merely_tells_of_a_worker_is_none() -> None:
    told = 'Activity function \'x\' failed: ValueError: "$type":"a.WorkerProcessExitException" \n '
    details = json.dumps(
        {"$type": "System.Exception", "Message": 'no "$type":"a.WorkerProcessExitException", no'}
    )
    assert cause_of(told.replace('"', "'") + details)[0] == "unexpected_error"


@pytest.mark.parametrize(
    "step", ["validate_image", "score_image", "save_result", "reject_image", "fail_image"]
)
def test_every_step_is_called_again_after_its_worker_died_and_not_before_there_is_a_new_one(
    orchestration: Any, activity_failure: Callable[[str, str], Exception], step: str
) -> None:
    crashes = killed()[:2]

    def answer(name: str, _: dict[str, Any]) -> object:
        if name == step and crashes:
            crash = crashes.pop(0)
            raise activity_failure(crash["Reason"].partition(" failed: ")[2], crash["Details"])
        if step == "fail_image" and name == "validate_image":
            raise activity_failure(BLOB_GONE_WRONG, "{}")
        return (BAD if step == "reject_image" else GOOD).get(name, {})

    played = orchestration(REQUEST, answer)
    last = played.run()
    assert not crashes
    assert last["isDone"]
    assert not played.error
    expected = {"reject_image": "rejected", "fail_image": "failed"}.get(step, "scored")
    assert last["output"]["record"]["outcome"] == expected
    failures = last["customStatus"]["failures"]
    assert [failure["number"] for failure in failures if failure["step"] == step] == [1, 2]
    assert failures[-1]["error"].startswith("worker_crashed: the worker process exited with code 137")
    waits = [
        (
            datetime.fromisoformat(response["customStatus"]["next_try_at"]),
            response["customStatus"]["failures"][-1],
        )
        for _, response in played.episodes
        if (response["customStatus"] or {}).get("next_try_at") and response["customStatus"]["step"] == step
    ]
    for due, failure in waits:
        assert (due - datetime.fromisoformat(failure["at"])).total_seconds() >= 8
