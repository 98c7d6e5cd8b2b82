"""Reading: one run, an image's runs, pages that stay stable, counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from function_app.errors import Permanent
from function_app.models.runs import Counts, Outcome, RunFilter, RunRecord, Score
from function_app.results.filters import BadCursor
from function_app.results.store import SqlResultStore

MakeRun = Callable[..., RunRecord]
MakeScore = Callable[..., Score]
REJECTED: dict[str, Any] = {"outcome": Outcome.REJECTED, "reason": "bad_crc", "detail": "IDAT checksum"}


def names(store: SqlResultStore, which: RunFilter, limit: int = 1000) -> list[str]:
    return [run.record.blob_name for run in store.page(which, limit=limit).runs]


@pytest.fixture
def filled(store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore) -> SqlResultStore:
    """Nine runs committed a second apart: a0..a4 scored by cam-1, b5..b7 rejected by cam-2, c8 failed."""
    for n in range(5):
        store.record_scored(make_run(f"a{n}"), [pixel_sum(n)])
    for n in range(5, 8):
        reason = "bad_crc" if n < 7 else "empty"
        store.record_rejected(make_run(f"b{n}", device_id="cam-2", outcome=Outcome.REJECTED, reason=reason))
    store.record_failed(make_run("c8", device_id=None, outcome=Outcome.FAILED, reason="blob_missing"))
    return store


@pytest.mark.parametrize("run_id", ["0" * 32, "", "'; --", "0" * 33, "０" * 32, "\ud800"])
def test_an_unknown_or_malformed_run_id_is_none(store: SqlResultStore, run_id: str) -> None:
    assert store.run(run_id) is None


def test_the_runs_of_an_image_come_newest_first_with_their_scores(
    store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    for version in ("0x1", "0x2"):
        store.record_scored(make_run("a", etag=version), [pixel_sum()])
    store.record_scored(make_run("A"), [pixel_sum()])
    found = store.runs_of_image("img", "a")
    assert [run.record.etag for run in found] == ["0x2", "0x1"]
    assert all(run.scores == (pixel_sum(),) for run in found)
    assert store.runs_of_image("img", "b") == []
    assert store.runs_of_image("other", "a") == []


def test_pages_give_every_run_once_newest_first(filled: SqlResultStore) -> None:
    found: list[str] = []
    cursor: str | None = None
    while True:
        page = filled.page(RunFilter(), cursor, limit=2)
        found += [run.record.blob_name for run in page.runs]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == ["c8", "b7", "b6", "b5", "a4", "a3", "a2", "a1", "a0"]


def test_a_full_last_page_has_no_cursor(filled: SqlResultStore) -> None:
    assert filled.page(RunFilter(), limit=9).next_cursor is None


def test_runs_that_arrive_while_pages_are_turned_shift_nothing(
    filled: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    first = filled.page(RunFilter(), limit=4)
    filled.record_scored(make_run("d9"), [pixel_sum()])
    second = filled.page(RunFilter(), first.next_cursor, limit=4)
    assert [run.record.blob_name for run in second.runs] == ["a4", "a3", "a2", "a1"]
    assert names(filled, RunFilter())[0] == "d9"


def test_runs_of_one_moment_are_still_paged_once_each(
    kit: Any, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    still = kit.clock()
    kit.clock = lambda: still
    store = kit.open()
    for n in range(7):
        store.record_scored(make_run(f"a{n}"), [pixel_sum()])
    found, cursor = [], None
    for _ in range(4):
        page = store.page(RunFilter(), cursor, limit=2)
        found += [run.record.blob_name for run in page.runs]
        cursor = page.next_cursor
    assert found == [f"a{n}" for n in reversed(range(7))]
    assert cursor is None


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (RunFilter(outcome=Outcome.REJECTED), ["b7", "b6", "b5"]),
        (RunFilter(reason="bad_crc"), ["b6", "b5"]),
        (RunFilter(reason="bad_crc", outcome=Outcome.FAILED), []),
        (RunFilter(device_id="cam-2"), ["b7", "b6", "b5"]),
        (RunFilter(device_id="cam-2", reason="empty", outcome=Outcome.REJECTED), ["b7"]),
        (RunFilter(scorer="pixel_sum"), ["a4", "a3", "a2", "a1", "a0"]),
        (RunFilter(scorer="mean"), []),
        (RunFilter(scorer="pixel_sum", device_id="cam-2"), []),
    ],
)
def test_a_page_holds_exactly_what_its_filter_names(
    filled: SqlResultStore, which: RunFilter, expected: list[str]
) -> None:
    assert names(filled, which) == expected
    assert filled.counts(which).total == len(expected)


def test_since_is_included_and_until_is_not(filled: SqlResultStore) -> None:
    committed = {run.record.blob_name: run.committed_at for run in filled.page(RunFilter()).runs}
    window = RunFilter(since=committed["a3"], until=committed["b6"])
    assert names(filled, window) == ["b5", "a4", "a3"]
    assert filled.counts(window) == Counts(scored=2, rejected=1)
    past = replace(window, since=committed["a3"] + timedelta(microseconds=1))
    assert names(filled, past) == ["b5", "a4"]


def test_a_page_says_what_a_single_run_says(filled: SqlResultStore) -> None:
    for listed in filled.page(RunFilter()).runs:
        single = filled.run(listed.record.run_id)
        assert single == listed


@pytest.mark.parametrize("text", ["x' OR 1=1 --", "é", "a" * 65, "\ud800", "cam-1 ", "CAM-1", ""])
def test_a_filter_nothing_can_match_finds_nothing(filled: SqlResultStore, text: str) -> None:
    for which in (RunFilter(reason=text), RunFilter(device_id=text), RunFilter(scorer=text)):
        assert names(filled, which) == []
        assert filled.counts(which).total == 0


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_range_is_refused(store: SqlResultStore, limit: int) -> None:
    with pytest.raises(Permanent):
        store.page(RunFilter(), limit=limit)


@pytest.mark.parametrize("cursor", ["", "x", "é", "MjAyNg", "a" * 5000, "'; DROP TABLE runs; --"])
def test_a_text_that_is_no_cursor_is_refused(store: SqlResultStore, cursor: str) -> None:
    with pytest.raises(BadCursor):
        store.page(RunFilter(), cursor)


def test_known_run_ids_are_those_stored_in_any_number(filled: SqlResultStore, make_run: MakeRun) -> None:
    stored = {make_run(f"a{n}").run_id for n in range(5)}
    strangers = {f"{n:032x}" for n in range(250)}
    assert filled.known_run_ids([*strangers, *stored, "not an id"]) == stored
    assert filled.known_run_ids([]) == set()


def test_counts_are_by_outcome(filled: SqlResultStore) -> None:
    assert filled.counts() == Counts(scored=5, rejected=3, failed=1)


def test_ping_tells_the_dialect_and_the_schema_version(kit: Any, store: SqlResultStore) -> None:
    health = store.ping()
    assert health.dialect == kit.dialect
    assert health.schema_version >= 1


def test_views_for_people_say_what_the_runs_say(kit: Any, filled: SqlResultStore) -> None:
    latest = kit.query("SELECT blob_name, value FROM latest_score_per_image ORDER BY blob_name")
    assert latest == [(f"a{n}", n) for n in range(5)]
    hourly = kit.query("SELECT outcome, SUM(runs) FROM hourly_counts GROUP BY outcome ORDER BY outcome")
    assert [(outcome, int(runs)) for outcome, runs in hourly] == [
        ("failed", 1),
        ("rejected", 3),
        ("scored", 5),
    ]
    reasons = kit.query("SELECT reason, runs FROM rejected_by_reason ORDER BY reason")
    assert reasons == [("bad_crc", 2), ("empty", 1)]


def test_the_latest_score_is_of_the_newest_version_of_the_blob(
    kit: Any, store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    store.record_scored(make_run("a", etag="0x1"), [pixel_sum(1), pixel_sum(7, scorer="mean")])
    store.record_scored(make_run("a", etag="0x2"), [pixel_sum(2)])
    rows = kit.query("SELECT scorer, value FROM latest_score_per_image ORDER BY scorer")
    assert rows == [("mean", 7), ("pixel_sum", 2)]


def test_the_books_are_read_in_order_oldest_first_from_anywhere(filled: SqlResultStore) -> None:
    whole = filled.in_order(None, 100)
    newest_first = filled.page(RunFilter()).runs
    assert [row.run_id for row in whole] == [run.record.run_id for run in reversed(newest_first)]
    assert [(row.committed_at, row.recent_id) for row in whole] == sorted(
        (run.committed_at, run.recent_id) for run in newest_first
    )
    assert filled.in_order(None, 4) == whole[:4]
    assert filled.in_order(whole[3], 100) == whole[4:]
    assert filled.in_order(whole[-1], 100) == []
    before = replace(whole[3], run_id="", recent_id=0)
    assert filled.in_order(before, 1) == [whole[3]], "a moment alone is a position too"


def test_reading_in_order_seeks_an_index_and_sorts_nothing(kit: Any, filled: SqlResultStore) -> None:
    if kit.dialect != "sqlite":
        pytest.skip("the plan is asked in SQLite's words")
    from function_app.results.sqlite.statements import SQLITE

    text = SQLITE.select_in_order.replace("?", "'2026-01-01T12:00:05.000000Z'", 2).replace("?", "1")
    plan = " ".join(str(row[-1]) for row in kit.query(f"EXPLAIN QUERY PLAN {text}"))
    assert "SEARCH runs USING INDEX runs_by_time" in plan
    assert "TEMP B-TREE" not in plan
