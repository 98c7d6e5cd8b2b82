"""What ``pipeline.py status`` shows of one run: the same way from the file to the row as the dashboard."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from local_stack.operate.status import picture, timeline

REPLAYED = {
    "run_id": "ab" * 16, "state": "rejected", "attempt": 2, "reason": "not_png", "detail": "No PNG signature.",
    "container": "img", "blob_name": "cam-1/x.png", "etag": "0x1", "device_id": "cam-1", "source_name": "x.png",
    "captured_at": "2026-01-01T00:00:00.250000Z", "uploaded_at": "2026-01-01T00:00:00.000000Z",
    "earlier_attempts": [{"attempt": 1, "outcome": "failed", "finished_at": "2026-01-01T00:00:03Z",
                 "reason": "store_unavailable", "detail": "down"}],
    "started_at": "2026-01-01T00:00:05Z", "finished_at": "2026-01-01T00:00:09Z",
    "committed_at": "2026-01-01T00:00:09.5Z", "scores": [],
    "failed_tries": [{"step": "validate_image", "number": 1, "at": "2026-01-01T00:00:06Z", "error": "blob away"}],
    "links": {"self": "/api/runs/" + "ab" * 16},
}  # fmt: skip
RETRYING = {
    "run_id": "cd" * 16, "state": "retrying", "attempt": 1, "blob_name": "\x1b[31m\u202e.png", "step": "save_result",
    "started_at": "2026-01-01T00:00:05Z", "cause": "store_unavailable: down", "failed_try_count": 1,
    "next_try_at": "2026-01-01T00:00:08Z",
}  # fmt: skip
SCORED = {"run_id": "ef" * 16, "state": "scored", "scores": [
    {"scorer": "pixel_sum", "scorer_version": "1", "value": 261120},
    {"scorer": "pixel_sum", "scorer_version": "2", "value": 7},
]}  # fmt: skip


def shown(run: dict[str, Any]) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(picture(run, "http://host"))
    return capture.get()


def test_every_step_try_and_earlier_attempt_is_shown_in_its_order() -> None:
    assert [step.what for step in timeline(REPLAYED)] == [
        "File complete on the device",
        "Blob stored",  # storage cuts its time to whole seconds: never shown before the file
        "Attempt 1: failed",
        "Attempt 2 began",
        "Try 1 of validate_image failed",
        "Attempt 2: rejected",
        "Row committed",
    ]


@pytest.mark.parametrize("run", [REPLAYED, RETRYING], ids=lambda run: run["state"])
def test_a_run_of_an_app_of_the_release_before_is_shown_alike(run: dict[str, Any]) -> None:
    formerly = {
        "earlier_attempts": "earlier", "failed_tries": "attempts", "failed_try_count": "failed_attempts",
        "next_try_at": "next_attempt_at",
    }  # fmt: skip
    before = {formerly.get(name, name): value for name, value in run.items()}
    assert set(before) & set(formerly) == set()
    assert (timeline(before), shown(before)) == (timeline(run), shown(run))


def test_a_rejected_run_shows_reason_errors_source_and_links() -> None:
    text = shown(REPLAYED)
    for told in ("not_png: No PNG signature.", "store_unavailable: down", "blob away", "cam-1/x.png", "0x1",
                 "attempt 2", "http://host/api/runs/abab"):  # fmt: skip
        assert told in text


def test_a_retrying_run_tells_cause_step_and_next_try() -> None:
    text = shown(RETRYING)
    assert "because of store_unavailable: down; next try 2026-01-01T00:00:08Z" in text
    assert "save_result" in text
    assert "Next try" in text


def test_scores_are_told_by_scorer_and_version() -> None:
    assert "261,120 by pixel_sum 1" in shown(SCORED)
    assert "7 by pixel_sum 2" in shown(SCORED)


def test_a_hostile_name_commands_no_terminal() -> None:
    text = shown(RETRYING)
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
