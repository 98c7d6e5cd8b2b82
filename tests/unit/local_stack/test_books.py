"""The books name every image that is lost, doubled, wrong or still on its way, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from local_stack.books import Balance, TruthLine, open_books

GOOD = TruthLine("a.png", "aa", 7, "scored")
BAD = TruthLine("b.png", "bb", None, "rejected")


def row(run: str, blob: str, name: str, sha: str, outcome: str, value: int | None) -> tuple[object, ...]:
    return (run, blob, name, sha, outcome, value)


def strike(
    truth: Iterable[TruthLine] = (),
    files: Iterable[tuple[str, str, str]] = (),
    blobs: Iterable[tuple[str, str | None, str | None]] = (),
    rows: Iterable[tuple[object, ...]] = (),
    live: Iterable[tuple[str, str]] = (),
) -> Balance:
    with open_books() as books:
        books.add_truth(truth)
        books.add_files(files)
        books.add_blobs(blobs)
        books.add_rows(rows)  # type: ignore[arg-type]
        books.add_live_runs(live)
        return books.strike()


def kinds(balance: Balance) -> list[str]:
    return [item.kind for item in (*balance.discrepancies, *balance.unfinished)]


def test_books_balance_when_every_image_has_its_right_row() -> None:
    balance = strike(
        truth=[GOOD, BAD],
        blobs=[("d/1.png", "a.png", "aa"), ("d/2.png", "b.png", "bb")],
        rows=[
            row("r1", "d/1.png", "a.png", "aa", "scored", 7),
            row("r2", "d/2.png", "b.png", "bb", "rejected", None),
        ],
    )
    assert balance.balanced
    assert (balance.taken, balance.scored, balance.rejected) == (2, 1, 1)
    assert kinds(balance) == []


def test_an_image_that_is_nowhere_is_lost() -> None:
    balance = strike(truth=[GOOD])
    assert balance.lost == 1
    assert not balance.balanced
    assert balance.discrepancies[0].name == "a.png"


@pytest.mark.parametrize(
    ("evidence", "kind"),
    [
        ({"files": [("a.png", "aa", "inbox")]}, "waiting_in_folder"),
        ({"blobs": [("d/1.png", "a.png", "aa")]}, "missing_row"),
        ({"blobs": [("d/1.png", "a.png", "aa")], "live": [("d/1.png", "running")]}, "running"),
    ],
)
def test_an_image_on_its_way_is_waiting_and_not_lost(evidence: dict[str, object], kind: str) -> None:
    balance = strike(truth=[GOOD], **evidence)  # type: ignore[arg-type]
    assert (balance.waiting, balance.lost, balance.balanced) == (1, 0, True)
    assert kinds(balance) == [kind]


def test_a_file_still_in_the_inbox_after_its_upload_is_one_image() -> None:
    balance = strike(
        truth=[GOOD],
        files=[("a.png", "aa", "inbox")],
        blobs=[("d/1.png", "a.png", "aa")],
        rows=[row("r1", "d/1.png", "a.png", "aa", "scored", 7)],
    )
    assert (balance.taken, balance.waiting, balance.balanced) == (1, 0, True)


def test_a_rewritten_file_of_the_same_name_is_another_image() -> None:
    balance = strike(
        truth=[GOOD, TruthLine("a.png", "cc", 9, "scored")],
        files=[("a.png", "cc", "inbox")],
        blobs=[("d/1.png", "a.png", "aa")],
        rows=[row("r1", "d/1.png", "a.png", "aa", "scored", 7)],
    )
    assert (balance.taken, balance.scored, balance.waiting, balance.lost) == (2, 1, 1, 0)


def test_a_sum_that_differs_from_the_device_record_is_wrong() -> None:
    balance = strike(
        truth=[GOOD],
        blobs=[("d/1.png", "a.png", "aa")],
        rows=[row("r1", "d/1.png", "a.png", "aa", "scored", 8)],
    )
    assert (balance.wrong_sums, balance.balanced) == (1, False)
    assert "must be 7" in balance.discrepancies[0].explanation


@pytest.mark.parametrize(("truth", "outcome"), [(GOOD, "rejected"), (BAD, "scored")])
def test_the_wrong_outcome_is_wrong(truth: TruthLine, outcome: str) -> None:
    balance = strike(
        truth=[truth],
        blobs=[("d/1.png", truth.name, truth.sha256)],
        rows=[row("r1", "d/1.png", truth.name, truth.sha256, outcome, 7)],
    )
    assert (balance.wrong_sums, balance.balanced) == (1, False)


def test_two_rows_for_one_blob_are_doubled() -> None:
    balance = strike(
        truth=[GOOD],
        blobs=[("d/1.png", "a.png", "aa")],
        rows=[row(run, "d/1.png", "a.png", "aa", "scored", 7) for run in ("r1", "r2")],
    )
    assert (balance.duplicate_rows, balance.balanced) == (1, False)


def test_two_blobs_of_one_image_are_doubled() -> None:
    balance = strike(
        truth=[GOOD],
        blobs=[("d/1.png", "a.png", "aa"), ("d/2.png", "a.png", "aa")],
        rows=[row(f"r{n}", f"d/{n}.png", "a.png", "aa", "scored", 7) for n in (1, 2)],
    )
    assert (balance.duplicate_rows, balance.balanced) == (1, False)


def test_a_row_whose_blob_is_gone_is_named() -> None:
    balance = strike(rows=[row("r1", "d/1.png", "a.png", "aa", "scored", 7)])
    assert (balance.orphan_rows, balance.balanced) == (1, False)
    assert kinds(balance) == ["orphan_row"]


def test_what_the_agent_set_aside_counts_as_rejected() -> None:
    balance = strike(truth=[BAD], files=[("b.png", "bb", "set_aside")])
    assert (balance.rejected, balance.lost, balance.balanced) == (1, 0, True)


def test_blobs_of_a_foreign_device_need_no_truth_list() -> None:
    balance = strike(blobs=[("x.png", None, None)], rows=[row("r1", "x.png", None, None, "scored", 1)])  # type: ignore[arg-type]
    assert (balance.made, balance.taken, balance.balanced) == (0, 1, True)


def test_a_name_that_is_not_utf8_is_a_name_like_any_other() -> None:
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    balance = strike(
        truth=[TruthLine(name, "aa", 7, "scored")],
        blobs=[("d/1.png", name, "aa")],
        rows=[row("r1", "d/1.png", name, "aa", "scored", 7)],
    )
    assert balance.balanced
    assert (balance.lost, balance.scored) == (0, 1)
