"""When a file is taken, in what order, and what is remembered of those that are not."""

from __future__ import annotations

from typing import Any

import pytest

from local_agent.errors import delay_seconds
from local_agent.folder.completeness import CompletenessRule, Contract, Verdict
from local_agent.folder.entries import Entry, Identity, Kind
from local_agent.folder.selection import Order, select
from local_agent.folder.watchlist import Watchlist

LIMIT = 100


def entry(path: bytes, *, size: int = 1, mtime: int = 1, kind: Kind = Kind.FILE, inode: int = 1) -> Entry:
    return Entry(path, kind, Identity(inode, size, mtime))


def watchlist(settle: float = 5.0) -> Watchlist:
    return Watchlist(settle, lambda failures: float(failures))


@pytest.mark.parametrize(
    ("contract", "found", "verdict"),
    [
        (Contract.RENAME, entry(b"a.png"), Verdict.TAKE),
        (Contract.RENAME, entry(b"_a.png"), Verdict.TAKE),
        (Contract.RENAME, entry(b".a.png"), Verdict.WAIT_WRITER),
        (Contract.RENAME, entry(b"sub/.a.png"), Verdict.WAIT_WRITER),
        (Contract.RENAME, entry(b"a.png.part"), Verdict.WAIT_WRITER),
        (Contract.RENAME, entry(b"a.png.crdownload"), Verdict.WAIT_WRITER),
        (Contract.RENAME, entry(b"a.png", size=0), Verdict.WAIT_SETTLE),
        (Contract.RENAME, entry(b"a.png", size=LIMIT), Verdict.TAKE),
        (Contract.RENAME, entry(b"a.png", size=LIMIT + 1), Verdict.REFUSE_SIZE),
        (Contract.RENAME, entry(b"a.png", kind=Kind.SYMLINK), Verdict.REFUSE_SYMLINK),
        (Contract.RENAME, entry(b"a.png", kind=Kind.SPECIAL), Verdict.REFUSE_SPECIAL),
        (Contract.STABLE, entry(b"a.png"), Verdict.WAIT_SETTLE),
        (Contract.STABLE, entry(b".a.png"), Verdict.WAIT_SETTLE),
        (Contract.STABLE, entry(b"a.png.part"), Verdict.WAIT_WRITER),
        (Contract.MARKER, entry(b"a.png"), Verdict.WAIT_WRITER),
        (Contract.MARKER, entry(b"a.png.done", size=0), Verdict.IGNORE),
    ],
)
def test_each_kind_of_entry_has_one_outcome(contract: Contract, found: Entry, verdict: Verdict) -> None:
    assert CompletenessRule(contract, max_bytes=LIMIT).verdict(found) is verdict


def test_a_too_large_file_is_refused_only_after_it_settled_where_settling_is_the_sign() -> None:
    rule = CompletenessRule(Contract.STABLE, max_bytes=LIMIT)
    giant = entry(b"a.png", size=LIMIT + 1)
    assert rule.verdict(giant) is Verdict.WAIT_SETTLE
    assert rule.verdict(giant, settled=True) is Verdict.REFUSE_SIZE


def test_a_file_is_settled_after_keeping_still_by_the_callers_clock() -> None:
    watched = watchlist(5.0)
    assert not watched.settled(entry(b"a"), 0.0)
    assert not watched.settled(entry(b"a"), 4.9)
    assert watched.settled(entry(b"a"), 5.0)


@pytest.mark.parametrize("change", [{"size": 2}, {"mtime": 2}, {"inode": 2}])
def test_any_change_starts_the_settling_anew(change: dict[str, Any]) -> None:
    watched = watchlist(5.0)
    watched.settled(entry(b"a"), 0.0)
    assert not watched.settled(entry(b"a", **change), 6.0)
    assert watched.settled(entry(b"a", **change), 11.0)


def test_one_failed_file_waits_longer_each_time_while_its_neighbours_go_on() -> None:
    watched = watchlist()
    bad, good = entry(b"bad"), entry(b"good")
    for failures, now in ((1, 0.0), (2, 10.0), (3, 20.0)):
        watched.hand_out([bad, good])
        watched.judge([bad], now)
        assert not watched.may_try(bad, now + failures - 0.1)
        assert watched.may_try(bad, now + failures)
        assert watched.may_try(good, now)
    assert watched.outages == 0


def test_when_everything_comes_back_the_service_is_away_and_nothing_is_held_against_a_file() -> None:
    watched = watchlist()
    files = [entry(b"a"), entry(b"b")]
    watched.hand_out(files)
    watched.judge(files, 10.0)
    assert (watched.outages, watched.resume_at) == (1, 11.0)
    assert all(watched.may_try(file, 10.0) for file in files)
    watched.hand_out(files)
    watched.judge([], 12.0)
    assert watched.outages == 0


def test_a_file_that_changed_meanwhile_did_not_fail() -> None:
    watched = watchlist()
    watched.hand_out([entry(b"a", mtime=1), entry(b"b")])
    watched.judge([entry(b"a", mtime=2)], 0.0)
    assert watched.may_try(entry(b"a", mtime=2), 0.0)


def test_memory_follows_what_waits_not_what_has_passed() -> None:
    watched = watchlist()
    for round_number in range(50):
        files = [entry(b"%d-%d" % (round_number, number), size=0) for number in range(20)]
        select(files, CompletenessRule(), watched, now=float(round_number), window=10)
        watched.hand_out(files)
        watched.judge(files[:1], float(round_number))
    select([], CompletenessRule(), watched, now=99.0, window=10)
    assert (watched.settling, watched.failing) == (0, 0)


@pytest.mark.parametrize(
    ("order", "expected"), [(Order.OLDEST_FIRST, [0, 1, 2]), (Order.NEWEST_FIRST, [99, 98, 97])]
)
def test_the_window_holds_the_first_files_of_the_order(order: Order, expected: list[int]) -> None:
    files = [entry(b"%d" % number, mtime=number) for number in sorted(range(100), key=lambda n: n * 37 % 100)]
    listing = select(files, CompletenessRule(), watchlist(), now=0.0, window=3, order=order)
    assert [file.identity.mtime_ns for file in listing.ready] == expected
    assert (listing.waiting, listing.oldest_mtime_ns) == (100, 0)


def test_a_listing_counts_every_entry_once() -> None:
    files = [
        entry(b"ready"),
        entry(b"empty", size=0),
        entry(b".hidden"),
        entry(b"link", kind=Kind.SYMLINK),
        entry(b"closed"),
    ]
    listing = select(
        files, CompletenessRule(), watchlist(), now=0.0, window=9, readable=lambda path: path != b"closed"
    )
    assert [file.path for file in listing.ready] == [b"ready"]
    assert [file.path for file, _ in listing.refused] == [b"link"]
    assert (listing.waiting, listing.settling, listing.unfinished, listing.unreadable) == (3, 1, 1, 1)


def test_delays_double_to_a_ceiling_and_are_spread() -> None:
    assert [delay_seconds(n, 1.0, first=1, longest=8) for n in range(6)] == [0, 1, 2, 4, 8, 8]
    assert delay_seconds(3, 0.0, first=1, longest=8) == 2
    assert delay_seconds(10_000, 0.5) <= 30
