"""What the API says of a run, decided without any host."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st

from function_app.errors import BlobMissing, StoreUnavailable
from function_app.http_api import query
from function_app.http_api.openapi import document
from function_app.http_api.responses import BadParameter, NotFound, json_response, problem_of, with_etag
from function_app.http_api.results_csv import lines_of
from function_app.http_api.views import retry_after_seconds, view_of
from function_app.models.runs import (
    FailedTry,
    ImageVersion,
    Outcome,
    Progress,
    RunRecord,
    RunRequest,
    RunResult,
    Score,
    SourceMetadata,
    StoredRun,
)
from function_app.workflow.live_runs.durable_status import LiveRun, State

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUN = "0" * 32


def stored(outcome: Outcome = Outcome.REJECTED, attempt: int = 1, **more: object) -> StoredRun:
    record = RunRecord(RUN, "img", "a b/x.png", "0x1", 5, outcome, attempt, NOW, reason="empty", **more)  # type: ignore[arg-type]
    return StoredRun(record, NOW, 1)


def live(
    status: str = "Running", attempt: int = 1, progress: Progress | None = None, **more: object
) -> LiveRun:
    request = RunRequest(RUN, ImageVersion("img", "a b/x.png", "0x1", 5), SourceMetadata("cam-1"), attempt)
    return LiveRun(RUN, status, NOW, NOW, request, progress, **more)  # type: ignore[arg-type]


def test_nobody_knows_it():
    assert view_of(None, None) is None


@pytest.mark.parametrize(
    ("status", "progress", "expected"),
    [
        ("Pending", None, State.WAITING),
        ("Running", None, State.RUNNING),
        ("Running", Progress("score_image"), State.RUNNING),
        ("Running", Progress("score_image", next_try_at=NOW), State.RETRYING),
        ("Suspended", None, State.RUNNING),
        ("Failed", None, State.FAILED),
        ("Terminated", None, State.FAILED),
    ],
)
def test_a_live_run_has_a_state_that_a_person_understands(status, progress, expected):
    view = view_of(None, live(status, progress=progress))
    assert view is not None
    assert view.state is expected
    assert view.has_ended is (expected is State.FAILED)


def test_a_retrying_run_shows_step_failed_tries_cause_and_next_try():
    due = NOW + timedelta(seconds=30)
    failure = FailedTry("save_result", 1, NOW, "store_unavailable: down")
    view = view_of(None, live(progress=Progress("save_result", (failure,), 1, due)))
    assert view is not None
    assert (view.step, view.cause, view.next_try_at) == ("save_result", "store_unavailable: down", due)
    assert (view.failed_tries, view.failed_try_count) == ((failure,), 1)
    assert retry_after_seconds(view, NOW) == 30
    assert retry_after_seconds(view, due + timedelta(seconds=9)) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("attempts", "failed_tries"), ("failed_attempts", "failed_try_count"), ("next_attempt_at", "next_try_at"),
        ("earlier", "earlier_attempts"),
    ],
)  # fmt: skip
def test_a_field_of_the_release_before_has_the_content_of_its_replacement_and_is_deprecated(old, new):
    retrying = Progress(
        "save_result", (FailedTry("save_result", 1, NOW, "x"),), 3, NOW + timedelta(seconds=30)
    )
    body = json.loads(json_response(view_of(stored(), live(attempt=2, progress=retrying))).body)
    assert body[old] == body[new]
    assert body[new]
    properties = document()["components"]["schemas"]["RunView"]["properties"]
    assert properties[old]["deprecated"] is True
    assert f"`{new}`" in properties[old]["description"]
    assert "deprecated" not in properties[new]


def test_a_row_takes_precedence_over_an_orchestration_that_is_just_finishing():
    view = view_of(stored(), live())
    assert view is not None
    assert view.state is State.REJECTED


def test_a_replay_under_way_takes_precedence_over_the_row_and_shows_it_as_an_earlier_attempt():
    view = view_of(stored(), live(attempt=2))
    assert view is not None
    assert (view.state, view.attempt) == (State.RUNNING, 2)
    assert [(e.attempt, e.reason) for e in view.earlier_attempts] == [(1, "empty")]


def test_a_finished_orchestration_answers_while_its_row_cannot_be_read():
    result = RunResult(stored(Outcome.SCORED).record, (Score("pixel_sum", "1", 7, NOW),))
    view = view_of(None, live("Completed", result=result))
    assert view is not None
    assert (view.state, view.scores[0].value, view.committed_at) == (State.SCORED, 7, None)


def test_links_are_escaped():
    view = view_of(stored(), None)
    assert view is not None
    assert view.links["image"] == "/api/images/a%20b/x.png"


def test_an_unchanged_answer_is_not_sent_twice():
    first = with_etag(json_response({"a": 1}), None)
    assert with_etag(json_response({"a": 1}), f'"other", {first.headers["ETag"]}').status == 304
    assert with_etag(json_response({"a": 2}), first.headers["ETag"]).status == 200


def test_errors_are_problem_details():
    bad = problem_of(BadParameter("limit", "A number."))
    assert (bad.status, json.loads(bad.body)["parameter"]) == (400, "limit")
    assert bad.content_type == "application/problem+json"
    assert problem_of(NotFound("None.")).status == 404
    away = problem_of(StoreUnavailable("down"))
    assert (away.status, away.headers["Retry-After"]) == (503, "5")
    assert problem_of(BlobMissing("gone")).status == 500


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("state", "done"), ("limit", "0"), ("limit", "1001"), ("limit", "١"), ("limit", ""), ("since", "soon"),
        ("since", "0m"), ("since", "99999d"), ("until", "2026-13-01"), ("reason", "' OR 1=1"), ("device", "<b>"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(name, value):
    with pytest.raises(BadParameter) as caught:
        query.limit({name: value}) if name == "limit" else query.run_filter({name: value}, NOW)
    assert caught.value.parameter == name


def test_spans_count_back_from_now_and_offsets_survive_unescaped_plus():
    which = query.run_filter({"since": "15m", "until": "2026-01-01T02:00:00 01:00"}, NOW)
    assert which.since == NOW - timedelta(minutes=15)
    assert which.until == NOW + timedelta(hours=1)


def test_an_unknown_parameter_is_refused_but_the_host_s_key_is_not():
    query.check_known(["code", "limit"], ["limit"])
    with pytest.raises(BadParameter):
        query.check_known(["lmit"], ["limit"])


def test_a_csv_cell_that_a_spreadsheet_would_run_is_defused():
    [line] = lines_of(stored(source_name="=cmd()"))
    assert "'=cmd()" in line


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("+1", "'+1"), ("-1", "'-1"), ("@a", "'@a"), ("\t=a", "'\t'=a"), ("\ra", "'\ra"), ("\n=a", "'\n'=a"),
        ("\na", "'\na"),
        (";=a", ";'=a"), ("a;=b;c", "a;'=b;c"), ("a; =b", "a; '=b"), ("\uff1da", "'\uff1da"), ("\uff0ba", "'\uff0ba"),
        ("\uff0d", "'\uff0d"), ("\uff20a", "'\uff20a"), (" =a", " '=a"), ("\ufeff=a", "\ufeff'=a"), ("a\n=b", "a\n'=b"),
        ("cam-1/a=b+c.png", "cam-1/a=b+c.png"), ("a;b-c", "a;b-c"), ("\u00fc\u3042", "\u00fc\u3042"),
    ],
)  # fmt: skip
def test_a_name_is_no_formula_in_a_spreadsheet_of_any_language(name, cell):
    [line] = lines_of(stored(source_name=name))
    assert line[7] == cell


@given(st.text(alphabet=";,=+-@\t\r\n\"' a\uff1d\ufeff", max_size=12))
def test_no_cell_begins_with_a_formula_whether_comma_or_semicolon_separates(name):
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(next(iter(lines_of(stored(source_name=name)))))
    for separator in ",;":
        for row in csv.reader(io.StringIO(out.getvalue(), newline=""), delimiter=separator):
            assert not [cell for cell in row if cell.lstrip(" \t\r\n\ufeff")[:1] in set("=+-@\uff1d")]


def request_to(address: str) -> func.HttpRequest:
    return func.HttpRequest("GET", f"http://host/api/{address}", body=b"")


def test_parameters_are_read_from_the_address_because_the_host_drops_empty_ones():
    assert query.parameters(request_to("runs?limit=5&device=a%2Db"), ["limit", "device"]) == {
        "limit": "5",
        "device": "a-b",
    }
    for address, wrong in (("x?window=", "window"), ("x?a=1&a=2", "a"), ("x?b=1", "b")):
        with pytest.raises(BadParameter) as caught:
            query.span(query.parameters(request_to(address), ["window", "a"]), "window")
        assert caught.value.parameter == wrong


@pytest.mark.parametrize("text", ["", "x", "Ä", "YmxvYnM", "\x00", "a" * 5000])
def test_only_cursors_that_we_gave_reach_the_storage_listing(text):
    with pytest.raises(BadParameter):
        query.sweep_cursor({"cursor": text})
    with pytest.raises(BadParameter):
        query.sweep_cursor({"cursor": query.sweep_cursor_text("a\x00b") or ""})


def test_a_sweep_cursor_survives_the_way_through_an_address():
    for marker in ("2!92!MDAwMDA", "foreign/ü x?&=.png"):
        assert query.sweep_cursor({"cursor": query.sweep_cursor_text(marker) or ""}) == marker
    assert query.sweep_cursor({}) is None
    assert query.sweep_cursor_text(None) is None


@pytest.mark.parametrize("state", ["waiting", "running", "retrying"])
def test_a_live_state_does_not_excuse_another_wrong_parameter(state):
    assert query.run_filter({"state": state}, NOW).outcome is None
    with pytest.raises(BadParameter) as caught:
        query.run_filter({"state": state, "until": "soon"}, NOW)
    assert caught.value.parameter == "until"
