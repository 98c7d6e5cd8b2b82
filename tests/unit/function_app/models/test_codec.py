"""Models to JSON and back, across versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from function_app.models.codec import format_time, from_json, parse_time, to_json
from function_app.models.runs import (
    FailedTry,
    ImageVersion,
    Outcome,
    Progress,
    Rejection,
    RunRecord,
    RunRequest,
    RunResult,
    Score,
    SourceMetadata,
    StepResult,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
RECORD = RunRecord("0" * 32, "img", "a/b.png", "0x1", 9, Outcome.SCORED, 2, NOW, started_at=NOW)
SAMPLES = [
    RunRequest(
        "0" * 32, ImageVersion("img", "ü/<b>.png", "0x1", 0), SourceMetadata("cam-1", captured_at=NOW), 3
    ),
    RunResult(RECORD, (Score("pixel_sum", "1", 261_120, NOW), Score("other", "2", -1, NOW))),
    StepResult(Rejection("empty", "The file has no bytes."), "ab"),
    Progress("save_result", (FailedTry("save_result", 1, NOW, "x"),), 12, NOW + timedelta(seconds=1)),
]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_a_model_survives_the_way_through_json_text(sample):
    assert from_json(type(sample), json.loads(json.dumps(to_json(sample)))) == sample


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: type(sample).__name__)
def test_fields_of_a_later_version_are_ignored(sample):
    assert from_json(type(sample), {**to_json(sample), "later": {"more": 1}}) == sample


def test_a_renamed_field_keeps_its_key_for_histories_and_the_version_before():
    request = SAMPLES[0]
    assert isinstance(request, RunRequest)
    encoded = to_json(request)
    assert list(encoded) == ["run_id", "image", "lineage", "attempt"]
    assert encoded["lineage"]["device_id"] == request.source.device_id == "cam-1"


def test_fields_missing_in_an_earlier_version_take_their_defaults():
    assert from_json(Progress, {"step": "score_image"}) == Progress("score_image")


def test_a_missing_field_without_default_and_a_wrong_type_are_refused():
    with pytest.raises(TypeError):
        from_json(ImageVersion, {"container": "img"})
    with pytest.raises(ValueError, match="expected int"):
        from_json(ImageVersion, {"container": "img", "blob_name": "x", "etag": "1", "size_bytes": "9"})


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02T03:04:05.678901Z",
        "2026-01-02T03:04:05.6789010Z",
        "2026-01-02T04:04:05.678901+01:00",
        "2026-01-02T03:04:05.678901",
    ],
)
def test_times_are_read_as_the_durable_extension_may_rewrite_them(text):
    assert parse_time(text) == NOW


def test_times_are_written_in_utc_and_sort_as_text():
    plus_two = timezone(timedelta(hours=2))
    assert format_time(NOW.astimezone(plus_two)) == "2026-01-02T03:04:05.678901Z"
    assert format_time(NOW.replace(microsecond=0)) < format_time(NOW)
