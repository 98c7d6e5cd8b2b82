"""One trace per image over the whole local pipeline: begun by the agent for a device's file, ended by the row."""

from __future__ import annotations

from collections import defaultdict

import pytest

pytestmark = [pytest.mark.azurite, pytest.mark.spark, pytest.mark.timeout(300)]

STEPS = ["upload", "start_on_blob", "validate_image", "score_image", "save_result"]


@pytest.fixture
def traces(whole_run):
    """Spans by trace id, in the order in which they began."""
    found = defaultdict(list)
    for span in sorted(whole_run.spans, key=lambda span: span.start_time):
        found[f"{span.context.trace_id:032x}"].append(span)
    return found


def test_every_image_is_one_trace_from_the_agents_word_to_the_row(whole_run, traces):
    assert len(whole_run.runs) == len(traces) == 40
    for run in whole_run.runs:
        _, trace_id, upload_span, _ = whole_run.traceparents[run["blob_name"]].split("-")
        spans = traces[trace_id]
        assert [span.name for span in spans] == STEPS
        assert {f"{span.parent.span_id:016x}" for span in spans} == {upload_span}
        assert {span.attributes["run.id"] for span in spans} == {run["run_id"]}
        assert {span.attributes["device.id"] for span in spans} == {run["device_id"]} == {"cam-1"}
        assert spans[-1].attributes["image.outcome"] == run["outcome"] == "scored"


def test_the_trace_begins_when_the_file_was_complete_on_the_device(whole_run, traces):
    by_run = {spans[0].attributes["run.id"]: spans[0] for spans in traces.values()}
    for run in whole_run.runs:
        begun = by_run[run["run_id"]].start_time // 1_000
        assert f"{begun % 1_000_000:06d}Z" == run["captured_at"][-7:]


def test_no_pixel_no_secret_and_no_name_of_a_file_is_in_any_span(whole_run):
    text = "".join(span.to_json() for span in whole_run.spans)
    for secret in whole_run.secrets:
        assert secret not in text
    for run in whole_run.runs:
        assert run["source_name"] not in text
    assert "IHDR" not in text
    assert '"events": [{' not in text.replace("\n", "").replace("  ", "")
