"""Aggregates: exact counts from the hourly totals, whatever the window, and after every replay."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from function_app.errors import Permanent
from function_app.models.runs import Counts, Outcome, RunFilter, RunRecord, Score
from function_app.results.store import SqlResultStore

MakeRun = Callable[..., RunRecord]
MakeScore = Callable[..., Score]
RECOUNT = """
SELECT outcome, COALESCE(reason, ''), COALESCE(device_id, ''), COUNT(*)
FROM runs
GROUP BY outcome, COALESCE(reason, ''), COALESCE(device_id, '')
"""
TOTALS = """
SELECT outcome, reason, device_id, SUM(runs)
FROM hourly_totals
GROUP BY outcome, reason, device_id
HAVING SUM(runs) <> 0
"""


def totals(kit: Any, sql: str) -> set[tuple[str, str, str, int]]:
    return {(outcome, reason, device, int(runs)) for outcome, reason, device, runs in kit.query(sql)}


@pytest.fixture
def three_days(kit: Any, store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore) -> datetime:
    """A run every 3 h 7 min for three days: every fourth rejected, every sixth failed; returns the first time."""
    first: datetime = kit.clock.now
    for n in range(24):
        kit.clock.now = first + n * timedelta(hours=3, minutes=7)
        device = f"cam-{n % 3}"
        captured = kit.clock.now - timedelta(seconds=n)
        if n % 4 == 1:
            reason = "bad_crc" if n % 8 == 1 else "empty"
            store.record_rejected(
                make_run(
                    f"{n}", outcome=Outcome.REJECTED, reason=reason, device_id=device, captured_at=captured
                )
            )
        elif n % 6 == 2:
            store.record_failed(make_run(f"{n}", outcome=Outcome.FAILED, reason="gone", device_id=None))
        else:
            run = make_run(f"{n}", device_id=device, captured_at=captured)
            store.record_scored(run, [pixel_sum(n * 1000)])
    return first


def test_totals_equal_a_recount_after_writes_and_replays(
    kit: Any, store: SqlResultStore, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    rejected: dict[str, Any] = {"outcome": Outcome.REJECTED, "reason": "bad_crc"}
    for n in range(6):
        store.record_rejected(make_run(f"{n}", device_id=f"cam-{n % 2}", **rejected))
    kit.clock.now += timedelta(hours=5)
    store.record_scored(make_run("0", attempt=2, device_id=None), [pixel_sum()])
    store.record_rejected(make_run("1", attempt=2, device_id="cam-1", **rejected))
    store.record_rejected(make_run("2", device_id="cam-0", **rejected))
    assert totals(kit, TOTALS) == totals(kit, RECOUNT)
    assert store.counts() == Counts(scored=1, rejected=5)


def test_counts_of_any_window_equal_a_count_run_by_run(store: SqlResultStore, three_days: datetime) -> None:
    runs = store.page(RunFilter(), limit=1000).runs
    edges = [
        None,
        *(three_days + timedelta(minutes=minutes) for minutes in (0, 7, 60, 180, 187, 1000, 2880, 9999)),
    ]
    for since in edges:
        for until in edges:
            inside = [
                run.record.outcome
                for run in runs
                if (since is None or run.committed_at >= since)
                and (until is None or run.committed_at < until)
            ]
            counted = store.counts(RunFilter(since=since, until=until))
            expected = [inside.count(outcome) for outcome in Outcome]
            assert [counted.scored, counted.rejected, counted.failed] == expected, (since, until)


def test_counts_take_every_filter(store: SqlResultStore, three_days: datetime) -> None:
    for which in (
        RunFilter(reason="bad_crc"),
        RunFilter(device_id="cam-1"),
        RunFilter(device_id="cam-1", outcome=Outcome.REJECTED, since=three_days + timedelta(hours=7)),
        RunFilter(scorer="pixel_sum", until=three_days + timedelta(hours=40)),
    ):
        assert store.counts(which).total == len(store.page(which, limit=1000).runs) > 0


@pytest.mark.parametrize("hours", [2, 9, 30, 400])
def test_stats_of_a_window_agree_with_its_counts(
    store: SqlResultStore, three_days: datetime, hours: int
) -> None:
    window = RunFilter(
        since=three_days + timedelta(hours=3, minutes=1),
        until=three_days + timedelta(hours=3 + hours, minutes=1),
    )
    stats = store.stats(window)
    counts = store.counts(window)
    assert stats.counts == counts
    assert sum(bucket.counts.total for bucket in stats.timeline) == counts.total
    assert sum(stats.rejections.values()) == counts.rejected
    assert sum(stats.failures.values()) == counts.failed
    assert sum(device.total for device in stats.devices.values()) == counts.total
    assert stats.bucket_seconds == {2: 60, 9: 3600, 30: 3600, 400: 86400}[hours]


def test_stats_of_everything(store: SqlResultStore, three_days: datetime) -> None:
    stats = store.stats()
    assert stats.counts == Counts(scored=14, rejected=6, failed=4)
    assert stats.rejections == {"bad_crc": 3, "empty": 3}
    assert stats.failures == {"gone": 4}
    assert set(stats.devices) == {"", "cam-0", "cam-1", "cam-2"}
    assert stats.latency is not None
    assert (stats.latency.runs, stats.latency.p99) == (14, 24.0)
    (histogram,) = stats.histograms
    assert (histogram.scorer, histogram.lowest, histogram.highest, histogram.runs) == (
        "pixel_sum",
        0,
        23_000,
        14,
    )


def test_stats_of_one_device_hold_nothing_of_the_others(store: SqlResultStore, three_days: datetime) -> None:
    stats = store.stats(RunFilter(device_id="cam-1"))
    assert set(stats.devices) == {"cam-1"}
    assert stats.counts == store.counts(RunFilter(device_id="cam-1"))
    assert store.stats(RunFilter(device_id="é")).counts.total == 0


def test_stats_of_an_empty_store_are_empty(store: SqlResultStore) -> None:
    stats = store.stats()
    assert (stats.counts.total, stats.timeline, stats.latency, stats.histograms) == (0, (), None, ())


def test_stats_do_not_take_what_they_compare(store: SqlResultStore) -> None:
    with pytest.raises(Permanent):
        store.stats(RunFilter(reason="bad_crc"))
