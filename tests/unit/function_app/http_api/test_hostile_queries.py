"""Whatever stands in a query string, the parsers take it or name the parameter: nothing else may come out (500)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import azure.functions as func
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from function_app.errors import StorageRefused
from function_app.http_api import query
from function_app.http_api.maintenance import one_sweep
from function_app.http_api.responses import BadParameter
from function_app.models.runs import RunFilter
from function_app.results.filters import BadCursor, PageEnd, cursor_of, page_end_of

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
NAMES = ("state", "reason", "device", "scorer", "since", "until", "limit", "cursor", "window", "dry_run")


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


# What people and programs mistake for a time: every zone, basic and week forms, other digits, numbers.
ZONES = st.sampled_from(["", "Z", "z", " 01:00", "+23:59", "-23:59", "+24:00", "+01:00:30", "+0100"])
TIMES = st.builds(lambda moment, zone: moment.isoformat() + zone, st.datetimes(), ZONES)
DIGITS = str.maketrans("0123456789", "０１２３４５６７８９")
VALUES = st.one_of(
    st.text(max_size=30),
    TIMES,
    TIMES.map(lambda text: text.translate(DIGITS)),
    st.integers().map(str),
    st.from_regex(r"\A-?\d{1,14}[smhdSMHD]?\Z"),
    st.from_regex(query.DURATION, fullmatch=True),
    st.builds(lambda when, number: encoded(f"{when}|{number}"), TIMES, st.integers()),
    st.text(max_size=20).map(encoded),
    st.text(max_size=20).map(lambda text: encoded("blobs:" + text)),
)
PARSERS: list[Callable[[dict[str, str]], Any]] = [
    query.state, query.limit, query.sweep_cursor, lambda q: query.run_filter(q, NOW),
    lambda q: query.span(q, "window"), lambda q: query.flag(q, "dry_run"), lambda q: query.number(q, "limit", 1, 9),
]  # fmt: skip


@settings(deadline=None)  # the first call compiles patterns
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4))
@example({"since": "1764021512345"})
@example({"until": "0001-01-01T00:00:00+23:59"})
@example({"window": "１h"})
@example({"since": "2026-01-30T12:00:00z"})
def test_parsers_take_a_value_or_name_the_parameter(values):
    request = func.HttpRequest("GET", f"http://h/api/runs?{urlencode(values, errors='replace')}", body=b"")
    try:
        values = query.parameters(request, NAMES)
    except BadParameter:
        pytest.fail("all of them are known, and each is there once")
    for parse in PARSERS:
        try:
            found = parse(values)
        except BadParameter:
            continue
        moments = (found.since, found.until) if isinstance(found, RunFilter) else ()
        assert all(moment is None or moment.tzinfo is UTC for moment in moments)


@given(st.text(max_size=40), st.text(max_size=40))
@example("[", "limit=5")
@example("h", "limit=1&limit=2")
def test_whole_urls_of_strangers_are_read_or_refused(host, text):
    request = func.HttpRequest("GET", f"http://{host}/api/runs?{text}", body=b"")
    with suppress(BadParameter):
        assert set(query.parameters(request, NAMES)) <= {*NAMES, "code"}


@given(VALUES)
@example(encoded("0001-01-01T00:00:00+23:59|1"))
@example(encoded("9999-12-31T23:59:59-23:59|1"))
@example(encoded("2026-01-01T00:00:00+00:00|１"))
@example(encoded("2026-01-01T00:00:00+00:00|1_0"))
@example(encoded("2026-01-01T00:00:00|1"))
def test_cursor_is_one_that_the_api_made_or_is_refused(cursor):
    try:
        end = page_end_of(cursor)
    except BadCursor:
        return
    assert cursor_of(end) == cursor
    assert end.committed_at.astimezone(UTC) == end.committed_at


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 2**63 - 1))
def test_cursor_of_a_page_comes_back_as_its_end(committed_at, recent_id):
    end = PageEnd(committed_at, recent_id)
    assert page_end_of(cursor_of(end)) == end


@pytest.mark.parametrize("zone", ["%2B01:00", "+01:00", " 01:00".replace(" ", "%20")])
def test_plus_of_an_offset_may_stand_unescaped(zone):
    request = func.HttpRequest("GET", f"http://h/api/runs?since=2026-01-30T13:00:00{zone}", body=b"")
    given_ = query.parameters(request, NAMES)
    assert query.moment(given_, "since", NOW) == datetime(2026, 1, 30, 12, tzinfo=UTC)


async def test_sweep_cursor_that_storage_does_not_take_is_the_caller_s_fault():
    class Use:
        """Storage answers 400 to a marker, as it does to one that it did not make."""

        def __init__(self) -> None:
            self.blobs, self.now = self, lambda: NOW

        def page(self, cursor: str | None, most: int) -> Any:
            raise StorageRefused("Storage answered 400 (InvalidMarker).")

    use: Any = Use()
    cursor = query.sweep_cursor_text("made up")
    request = func.HttpRequest("POST", f"http://h/api/sweep?cursor={quote(str(cursor))}", body=b"")
    with pytest.raises(BadParameter) as caught:
        await one_sweep(request, None, use, start=True)
    assert caught.value.parameter == "cursor"
    with pytest.raises(StorageRefused):
        await one_sweep(func.HttpRequest("POST", "http://h/api/sweep", body=b""), None, use, start=True)
