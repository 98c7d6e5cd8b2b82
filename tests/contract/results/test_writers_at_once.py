"""Many writers, lost replies, deadlocks: every fact once, no error that is not classified."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from function_app.errors import ConflictingResult
from function_app.models.runs import Outcome, Recorded, RunRecord, Score
from function_app.results.store import SqlResultStore

# On a live engine each of the 2,000 facts is a few round trips, and every backend may be busy.
pytestmark = pytest.mark.timeout(600)

MakeRun = Callable[..., RunRecord]
MakeScore = Callable[..., Score]
WRITERS, FACTS = 10, 200


def outcome_of_writing(store: SqlResultStore, run: RunRecord, score: Score | None) -> str:
    """What became of one write: an answer, or a conflict; anything else escapes and fails the test."""
    try:
        if run.outcome is Outcome.SCORED:
            assert score is not None
            return str(store.record_scored(run, [score]))
        return str(store.record_rejected(run))
    except ConflictingResult:
        return "conflict"


def all_at_once(writers: list[Callable[[], list[str]]]) -> list[list[str]]:
    barrier = threading.Barrier(len(writers))

    def start(writer: Callable[[], list[str]]) -> list[str]:
        barrier.wait()
        return writer()

    with ThreadPoolExecutor(len(writers)) as threads:
        return list(threads.map(start, writers))


def test_ten_writers_of_the_same_two_hundred_facts_write_each_once(
    kit: Any, store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    def writer(seed: int) -> Callable[[], list[str]]:
        order = random.Random(seed).sample(range(FACTS), FACTS)
        return lambda: [outcome_of_writing(store, make_run(f"{n}"), pixel_sum(n)) for n in order]

    answers = [
        answer for written in all_at_once([writer(seed) for seed in range(WRITERS)]) for answer in written
    ]
    assert answers.count(Recorded.INSERTED) == FACTS
    assert answers.count(Recorded.ALREADY_RECORDED) == FACTS * (WRITERS - 1)
    assert kit.query("SELECT COUNT(*), COUNT(DISTINCT run_id) FROM runs") == [(FACTS, FACTS)]
    sums = kit.query(
        "SELECT runs.blob_name, scores.value FROM runs INNER JOIN scores ON scores.run_id = runs.run_id"
    )
    assert sorted((int(name), value) for name, value in sums) == [(n, n) for n in range(FACTS)]
    assert store.counts().scored == FACTS


def test_ten_writers_of_contradicting_facts_leave_one_of_them_whole(
    kit: Any, store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    """Half say scored with one of two values, half rejected, all under the same keys."""

    def writer(seed: int) -> Callable[[], list[str]]:
        order = random.Random(seed).sample(range(FACTS), FACTS)
        rejected = {"outcome": Outcome.REJECTED, "reason": "bad_crc"} if seed % 2 else {}
        return lambda: [
            outcome_of_writing(store, make_run(f"{n}", **rejected), pixel_sum(n * 10 + seed % 4))
            for n in order
        ]

    answers = [
        answer for written in all_at_once([writer(seed) for seed in range(WRITERS)]) for answer in written
    ]
    assert answers.count(Recorded.INSERTED) == FACTS
    assert set(answers) == {Recorded.INSERTED, Recorded.ALREADY_RECORDED, "conflict"}
    assert kit.query("SELECT COUNT(*), COUNT(DISTINCT run_id) FROM runs") == [(FACTS, FACTS)]
    scored = kit.query("SELECT COUNT(*) FROM runs WHERE outcome = 'scored'")
    assert kit.query("SELECT COUNT(*) FROM scores") == scored
    assert store.counts().scored == scored[0][0]
    mixed = (
        "SELECT COUNT(*) FROM runs INNER JOIN scores ON scores.run_id = runs.run_id WHERE outcome <> 'scored'"
    )
    assert kit.query(mixed) == [(0,)]


def test_replays_at_once_end_at_the_highest_attempt_with_every_earlier_one_kept_once(
    kit: Any, store: SqlResultStore, make_run: MakeRun
) -> None:
    rejected: dict[str, Any] = {"outcome": Outcome.REJECTED, "reason": "bad_crc"}

    def writer(attempt: int) -> Callable[[], list[str]]:
        return lambda: [
            outcome_of_writing(store, make_run(f"{n}", attempt=attempt, **rejected), None) for n in range(20)
        ]

    all_at_once([writer(attempt) for attempt in range(1, 6)])
    assert kit.query("SELECT MIN(attempt), MAX(attempt), COUNT(*) FROM runs") == [(5, 5, 20)]
    repeated = (
        "SELECT run_id, attempt FROM attempts GROUP BY run_id, attempt HAVING COUNT(*) > 1 OR attempt > 4"
    )
    assert kit.query(repeated) == []
    assert store.counts().rejected == 20
