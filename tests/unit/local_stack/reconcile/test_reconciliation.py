"""Reconciliation names every image that is lost, doubled, wrong or still on its way, and nothing else."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from local_stack.reconcile.reconciliation import (
    MISSING_AFTER,
    STUCK_AFTER,
    ManifestLine,
    Reconciliation,
    open_reconciler,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)

GOOD = ManifestLine("a.png", "aa", 7, "scored")
BAD = ManifestLine("b.png", "bb", None, "rejected")


def row(run: str, blob: str, name: str, sha: str, outcome: str, value: int | None) -> tuple[object, ...]:
    return (run, blob, name, sha, outcome, value)


def reconcile(
    manifest: Iterable[ManifestLine] = (),
    files: Iterable[tuple[str, str, str]] = (),
    blobs: Iterable[tuple[object, ...]] = (),
    rows: Iterable[tuple[object, ...]] = (),
    live: Iterable[tuple[str, str, float | None]] = (),
) -> Reconciliation:
    with open_reconciler() as reconciler:
        reconciler.add_manifest(manifest)
        reconciler.add_files(files)
        reconciler.add_blobs((*blob, NOW.timestamp()) if len(blob) == 3 else blob for blob in blobs)  # type: ignore[misc]
        reconciler.add_rows(rows)  # type: ignore[arg-type]
        reconciler.add_live_runs(live)
        return reconciler.reconcile(NOW)


def kinds(balance: Reconciliation) -> list[str]:
    return [item.kind for item in (*balance.discrepancies, *balance.unfinished)]


def test_all_is_reconciled_when_every_image_has_its_right_row() -> None:
    balance = reconcile(
        manifest=[GOOD, BAD],
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
    balance = reconcile(manifest=[GOOD])
    assert balance.lost == 1
    assert not balance.balanced
    assert balance.discrepancies[0].name == "a.png"


@pytest.mark.parametrize(
    ("evidence", "kind"),
    [
        ({"files": [("a.png", "aa", "inbox")]}, "waiting_in_folder"),
        ({"blobs": [("d/1.png", "a.png", "aa")]}, "waiting"),
        ({"blobs": [("d/1.png", "a.png", "aa", None)]}, "waiting"),
        (
            {"blobs": [("d/1.png", "a.png", "aa")], "live": [("d/1.png", "running", NOW.timestamp())]},
            "running",
        ),
    ],
)
def test_an_image_on_its_way_is_waiting_and_not_lost(evidence: dict[str, object], kind: str) -> None:
    balance = reconcile(manifest=[GOOD], **evidence)  # type: ignore[arg-type]
    assert (balance.waiting, balance.lost, balance.balanced) == (1, 0, True)
    assert kinds(balance) == [kind]


def ago(span: timedelta) -> float:
    return (NOW - span).timestamp()


def test_a_blob_that_every_sweep_must_have_seen_by_now_misses_its_row() -> None:
    old, young = ago(MISSING_AFTER), ago(MISSING_AFTER - timedelta(seconds=1))
    balance = reconcile(blobs=[("d/1.png", "a.png", "aa", old), ("d/2.png", "b.png", "bb", young)])
    assert (balance.missing_rows, balance.waiting, balance.balanced) == (1, 1, False)
    assert kinds(balance) == ["missing_row", "waiting"]
    assert balance.discrepancies[0].name == "d/1.png"


def test_a_run_that_goes_on_for_longer_than_all_its_tries_is_stuck() -> None:
    blobs = [(f"d/{n}.png", f"{n}.png", "aa", ago(STUCK_AFTER)) for n in (1, 2)]
    live = [("d/1.png", "retrying", ago(STUCK_AFTER)), ("d/2.png", "running", ago(timedelta(minutes=89)))]
    balance = reconcile(blobs=blobs, live=live)
    assert (balance.stuck_runs, balance.waiting, balance.balanced) == (1, 1, False)
    assert kinds(balance) == ["stuck_run", "running"]


def test_what_a_killed_host_was_at_is_not_called_missing_or_stuck_before_azure_shows_it_again() -> None:
    """Recorded on Functions host 4.1037: its blobs after ten minutes, its activities after five, its start 49 s."""
    back = timedelta(seconds=49 + 60)  # and up to a minute until an idle queue is looked at again
    blobs = [("d/1.png", "a.png", "aa", ago(timedelta(minutes=10) + back))]
    assert kinds(reconcile(blobs=blobs)) == ["waiting"]
    # A run that came to the last but one of its tries each time, and whose steps were all hit by a kill.
    tries, steps = timedelta(minutes=15), 4
    begun = ago(steps * (tries + timedelta(minutes=5) + back))
    assert kinds(
        reconcile(blobs=[("d/1.png", "a.png", "aa", begun)], live=[("d/1.png", "retrying", begun)])
    ) == ["running"]


def test_a_run_that_is_listed_as_live_and_has_ended_since_counts_once() -> None:
    balance = reconcile(
        blobs=[("d/1.png", "a.png", "aa", ago(STUCK_AFTER))],
        rows=[row("r1", "d/1.png", "a.png", "aa", "scored", 7)],
        live=[("d/1.png", "running", ago(STUCK_AFTER))],
    )
    assert (balance.scored, balance.stuck_runs, balance.balanced) == (1, 0, True)


def test_blobs_without_a_run_are_named_for_a_second_question_and_no_more_than_asked_for() -> None:
    with open_reconciler() as reconciler:
        reconciler.add_blobs((f"d/{n}.png", None, None, ago(MISSING_AFTER)) for n in range(5))
        reconciler.add_live_runs([("d/0.png", "running", None)])
        assert sorted(reconciler.blobs_without_a_run(NOW, 10)) == [f"d/{n}.png" for n in range(1, 5)]
        assert len(reconciler.blobs_without_a_run(NOW, 2)) == 2


def test_memory_does_not_grow_with_the_number_of_images() -> None:
    def peak(images: int) -> int:
        tracemalloc.start()
        balance = reconcile(
            manifest=(ManifestLine(f"{n}.png", f"{n:064x}", n, "scored") for n in range(images)),
            blobs=((f"d/{n}", f"{n}.png", f"{n:064x}", 0.0) for n in range(images)),
            rows=(row(f"{n:032x}", f"d/{n}", f"{n}.png", f"{n:064x}", "scored", n) for n in range(images)),
        )
        assert (balance.made, balance.scored, balance.balanced) == (images, images, True)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    assert peak(10_000) < 1_000_000  # as a list they would take ten times that


def test_a_file_still_in_the_inbox_after_its_upload_is_one_image() -> None:
    balance = reconcile(
        manifest=[GOOD],
        files=[("a.png", "aa", "inbox")],
        blobs=[("d/1.png", "a.png", "aa")],
        rows=[row("r1", "d/1.png", "a.png", "aa", "scored", 7)],
    )
    assert (balance.taken, balance.waiting, balance.balanced) == (1, 0, True)


def test_a_rewritten_file_of_the_same_name_is_another_image() -> None:
    balance = reconcile(
        manifest=[GOOD, ManifestLine("a.png", "cc", 9, "scored")],
        files=[("a.png", "cc", "inbox")],
        blobs=[("d/1.png", "a.png", "aa")],
        rows=[row("r1", "d/1.png", "a.png", "aa", "scored", 7)],
    )
    assert (balance.taken, balance.scored, balance.waiting, balance.lost) == (2, 1, 1, 0)


def test_a_sum_that_differs_from_the_device_record_is_wrong() -> None:
    balance = reconcile(
        manifest=[GOOD],
        blobs=[("d/1.png", "a.png", "aa")],
        rows=[row("r1", "d/1.png", "a.png", "aa", "scored", 8)],
    )
    assert (balance.wrong_sums, balance.balanced) == (1, False)
    assert "must be 7" in balance.discrepancies[0].explanation


@pytest.mark.parametrize(("manifest", "outcome"), [(GOOD, "rejected"), (BAD, "scored")])
def test_the_wrong_outcome_is_wrong(manifest: ManifestLine, outcome: str) -> None:
    balance = reconcile(
        manifest=[manifest],
        blobs=[("d/1.png", manifest.name, manifest.sha256)],
        rows=[row("r1", "d/1.png", manifest.name, manifest.sha256, outcome, 7)],
    )
    assert (balance.wrong_sums, balance.balanced) == (1, False)


def test_two_rows_for_one_blob_are_doubled() -> None:
    balance = reconcile(
        manifest=[GOOD],
        blobs=[("d/1.png", "a.png", "aa")],
        rows=[row(run, "d/1.png", "a.png", "aa", "scored", 7) for run in ("r1", "r2")],
    )
    assert (balance.duplicate_rows, balance.balanced) == (1, False)


def test_two_blobs_of_one_image_are_doubled() -> None:
    balance = reconcile(
        manifest=[GOOD],
        blobs=[("d/1.png", "a.png", "aa"), ("d/2.png", "a.png", "aa")],
        rows=[row(f"r{n}", f"d/{n}.png", "a.png", "aa", "scored", 7) for n in (1, 2)],
    )
    assert (balance.duplicate_rows, balance.balanced) == (1, False)


def test_a_row_whose_blob_is_gone_is_named() -> None:
    balance = reconcile(rows=[row("r1", "d/1.png", "a.png", "aa", "scored", 7)])
    assert (balance.orphan_rows, balance.balanced) == (1, False)
    assert kinds(balance) == ["orphan_row"]


def test_what_the_agent_rejected_counts_as_rejected() -> None:
    balance = reconcile(manifest=[BAD], files=[("b.png", "bb", "rejected")])
    assert (balance.rejected, balance.lost, balance.balanced) == (1, 0, True)


def test_blobs_of_a_foreign_device_need_no_manifest() -> None:
    balance = reconcile(blobs=[("x.png", None, None)], rows=[row("r1", "x.png", None, None, "scored", 1)])  # type: ignore[arg-type]
    assert (balance.made, balance.taken, balance.balanced) == (0, 1, True)


def test_a_name_that_is_not_utf8_is_a_name_like_any_other() -> None:
    name = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    balance = reconcile(
        manifest=[ManifestLine(name, "aa", 7, "scored")],
        blobs=[("d/1.png", name, "aa")],
        rows=[row("r1", "d/1.png", name, "aa", "scored", 7)],
    )
    assert balance.balanced
    assert (balance.lost, balance.scored) == (0, 1)
