"""Writing: every fact once, whatever is delivered again, late, or in contradiction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from function_app.errors import ConflictingResult, Permanent
from function_app.models.runs import Outcome, Recorded, RunRecord, Score
from function_app.results.store import SqlResultStore

MakeRun = Callable[..., RunRecord]
MakeScore = Callable[..., Score]
REJECTED: dict[str, Any] = {"outcome": Outcome.REJECTED, "reason": "bad_crc", "detail": "IDAT checksum"}
FAILED: dict[str, Any] = {"outcome": Outcome.FAILED, "reason": "store_unavailable", "detail": "gave up"}


def test_a_scored_run_reads_back_as_it_was_told(
    store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    run = make_run()
    assert store.record_scored(run, [pixel_sum()]) is Recorded.INSERTED
    stored = store.run(run.run_id)
    assert stored is not None
    assert (stored.record, stored.scores, stored.earlier_attempts) == (run, (pixel_sum(),), ())
    assert stored.committed_at.utcoffset() == timedelta(0)


def test_a_rejected_and_a_failed_run_keep_their_reason_and_detail(
    store: SqlResultStore, make_run: MakeRun
) -> None:
    rejected, failed = make_run("a", **REJECTED), make_run("b", **FAILED)
    assert store.record_rejected(rejected) is Recorded.INSERTED
    assert store.record_failed(failed) is Recorded.INSERTED
    for run in (rejected, failed):
        stored = store.run(run.run_id)
        assert stored is not None
        assert stored.record == run


def test_a_run_without_lineage_is_stored_with_nulls(store: SqlResultStore, make_run: MakeRun) -> None:
    names = ("device_id", "source_name", "captured_at", "uploaded_at", "started_at", "sha256")
    run = make_run(**dict.fromkeys(names), **REJECTED)
    store.record_rejected(run)
    stored = store.run(run.run_id)
    assert stored is not None
    assert stored.record == run


def test_a_second_delivery_writes_nothing(
    store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    run = make_run()
    store.record_scored(run, [pixel_sum()])
    before = store.run(run.run_id)
    later = make_run(finished_at=run.finished_at + timedelta(minutes=1), detail="other words")
    assert store.record_scored(later, [pixel_sum()]) is Recorded.ALREADY_RECORDED
    assert store.run(run.run_id) == before


def test_a_score_by_another_scorer_joins_a_run_that_is_there(
    store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    run, mean = make_run(), pixel_sum(12, scorer="mean")
    store.record_scored(run, [pixel_sum()])
    assert store.record_scored(run, [pixel_sum(), mean]) is Recorded.ALREADY_RECORDED
    stored = store.run(run.run_id)
    assert stored is not None
    assert stored.scores == (mean, pixel_sum())


def test_another_value_under_the_same_key_is_an_error_and_changes_nothing(
    store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    run = make_run()
    store.record_scored(run, [pixel_sum(1)])
    with pytest.raises(ConflictingResult):
        store.record_scored(run, [pixel_sum(5, scorer="a"), pixel_sum(2)])
    with pytest.raises(ConflictingResult):
        store.record_scored(make_run(attempt=2), [pixel_sum(2)])
    stored = store.run(run.run_id)
    assert stored is not None
    assert (stored.record, stored.scores) == (run, (pixel_sum(1),))


def test_another_outcome_of_the_same_attempt_is_an_error_and_changes_nothing(
    store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    run = make_run()
    store.record_scored(run, [pixel_sum()])
    with pytest.raises(ConflictingResult, match="stored as scored, not rejected"):
        store.record_rejected(make_run(**REJECTED))
    other = make_run("other", **REJECTED)
    store.record_rejected(other)
    with pytest.raises(ConflictingResult):
        store.record_rejected(make_run("other", **REJECTED | {"reason": "trailing_bytes"}))
    assert store.run(run.run_id).record == run  # type: ignore[union-attr]
    assert store.run(other.run_id).record == other  # type: ignore[union-attr]


def test_the_same_run_id_for_another_blob_is_an_error(store: SqlResultStore, make_run: MakeRun) -> None:
    run = make_run(**REJECTED)
    store.record_rejected(run)
    with pytest.raises(ConflictingResult, match="another blob version"):
        store.record_rejected(make_run("other", run_id=run.run_id, **REJECTED))


def test_one_fact_that_contradicts_itself_is_refused(
    store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    with pytest.raises(ConflictingResult):
        store.record_scored(make_run(), [pixel_sum(1), pixel_sum(2)])
    assert store.counts().total == 0


def test_a_replay_replaces_the_outcome_and_keeps_the_earlier_one(
    store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    first, second, third = make_run(**FAILED), make_run(attempt=2, **REJECTED), make_run(attempt=3)
    store.record_failed(first)
    assert store.record_rejected(second) is Recorded.REPLACED
    assert store.record_scored(third, [pixel_sum()]) is Recorded.REPLACED
    stored = store.run(first.run_id)
    assert stored is not None
    assert (stored.record, stored.scores) == (third, (pixel_sum(),))
    assert [(e.attempt, e.outcome, e.reason, e.detail, e.finished_at) for e in stored.earlier_attempts] == [
        (1, "failed", "store_unavailable", "gave up", first.finished_at),
        (2, "rejected", "bad_crc", "IDAT checksum", second.finished_at),
    ]
    assert store.counts().total == 1


def test_a_replay_that_knows_less_of_the_lineage_does_not_erase_it(
    store: SqlResultStore, make_run: MakeRun
) -> None:
    first = make_run(**REJECTED)
    store.record_rejected(first)
    store.record_failed(make_run(attempt=2, device_id=None, sha256=None, captured_at=None, **FAILED))
    stored = store.run(first.run_id)
    assert stored is not None
    assert (stored.record.device_id, stored.record.captured_at) == (first.device_id, first.captured_at)


def test_a_late_delivery_of_an_earlier_attempt_changes_nothing(
    store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    store.record_scored(make_run(attempt=2), [pixel_sum()])
    assert store.record_failed(make_run(**FAILED)) is Recorded.SUPERSEDED
    stored = store.run(make_run().run_id)
    assert stored is not None
    assert (stored.record.attempt, stored.earlier_attempts) == (2, ())


def test_a_run_handed_to_the_wrong_method_is_refused(store: SqlResultStore, make_run: MakeRun) -> None:
    with pytest.raises(Permanent):
        store.record_rejected(make_run())
    assert store.counts().total == 0


@pytest.mark.parametrize("value", [0, -1, 2**31, 261_120, 2**63 - 1, -(2**63)])
def test_a_score_is_any_64_bit_integer(
    store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore, value: int
) -> None:
    store.record_scored(make_run(), [pixel_sum(value)])
    stored = store.run(make_run().run_id)
    assert stored is not None
    assert stored.scores[0].value == value


@pytest.mark.parametrize(
    "changes",
    [
        {"run_id": "x" * 32},
        {"run_id": "A" * 32},
        {"blob_name": "a" * 1025},
        {"blob_name": "\N{GRINNING FACE}" * 513},
        {"blob_name": "a\0b"},
        {"blob_name": "half \ud83d of a pair"},
        {"container": "c" * 64},
        {"etag": "e" * 65},
        {"device_id": "d" * 64},
        {"reason": "r" * 65},
        {"reason": "räson"},
        {"sha256": "s" * 65},
        {"attempt": 0},
        {"attempt": 2**31},
        {"size_bytes": 2**63},
        {"size_bytes": -1},
    ],
)
def test_what_does_not_fit_its_column_is_refused_the_same_on_both_stores(
    store: SqlResultStore, make_run: MakeRun, changes: dict[str, Any]
) -> None:
    with pytest.raises(Permanent):
        store.record_rejected(make_run(**REJECTED | changes | {"run_id": changes.get("run_id", "0" * 32)}))
    assert store.counts().total == 0


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_a_score_beyond_64_bits_is_refused_and_leaves_no_run_behind(
    store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore, value: int
) -> None:
    with pytest.raises(Permanent):
        store.record_scored(make_run(), [pixel_sum(1, scorer="a"), pixel_sum(value)])
    assert store.counts().total == 0


@pytest.mark.parametrize(
    ("detail", "stored_detail"),
    [
        ("x" * 3000, "x" * 2047 + "…"),
        ("\N{GRINNING FACE}" * 2000, "\N{GRINNING FACE}" * 1023 + "…"),
        ("nul \0 and half \udc80 a pair", "nul \\x00 and half \\udc80 a pair"),
    ],
)
def test_detail_is_made_to_fit(
    store: SqlResultStore, make_run: MakeRun, detail: str, stored_detail: str
) -> None:
    run = make_run(outcome=Outcome.FAILED, reason="x", detail=detail)
    store.record_failed(run)
    stored = store.run(run.run_id)
    assert stored is not None
    assert stored.record.detail == stored_detail
