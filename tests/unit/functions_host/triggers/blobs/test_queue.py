"""Receipts and queue of the blob trigger: once per version, at least once across a crash, counts that survive."""

from __future__ import annotations

import functools
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions_host.clock import VirtualClock
from functions_host.errors import StateNewerError
from functions_host.triggers.blobs.messages import ListedBlob
from functions_host.triggers.blobs.queue import BLOB_LEASE, BlobTriggerQueue

FIRST = ListedBlob("a.png", '"1"', 0.0)


@pytest.fixture
def queue(tmp_path: Path) -> BlobTriggerQueue:
    return BlobTriggerQueue(tmp_path / "blobs.db")


def names(queue: BlobTriggerQueue) -> list[str]:
    return [blob.name for blob in queue.waiting((), 100)]


def test_a_blob_version_is_queued_once(queue: BlobTriggerQueue) -> None:
    assert queue.enqueue_new("f", "img", [FIRST]) == 1
    assert queue.enqueue_new("f", "img", [FIRST]) == 0
    assert names(queue) == ["a.png"]


def test_a_new_etag_is_a_new_version(queue: BlobTriggerQueue) -> None:
    queue.enqueue_new("f", "img", [FIRST])
    assert queue.enqueue_new("f", "img", [ListedBlob("a.png", '"2"', 0.0)]) == 1


def test_each_function_has_its_own_receipt(queue: BlobTriggerQueue) -> None:
    queue.enqueue_new("f", "img", [FIRST])
    assert queue.enqueue_new("g", "img", [FIRST]) == 1


def test_receipt_left_incomplete_by_a_crash_delivers_again(queue: BlobTriggerQueue, tmp_path: Path) -> None:
    queue.enqueue_new("f", "img", [FIRST])
    with sqlite3.connect(tmp_path / "blobs.db") as crash:  # as if killed between the two commits
        crash.execute("UPDATE blob_receipt SET completed = 0")
    assert queue.enqueue_new("f", "img", [FIRST]) == 1
    assert names(queue) == ["a.png", "a.png"]


def test_delivery_count_survives_a_restart(queue: BlobTriggerQueue, tmp_path: Path) -> None:
    queue.enqueue_new("f", "img", [FIRST])
    row = queue.waiting((), 1)[0].row_id
    assert [queue.count_delivery(row), queue.count_delivery(row)] == [1, 2]
    queue.close()
    assert BlobTriggerQueue(tmp_path / "blobs.db").waiting((), 1)[0].dequeue_count == 2


def test_blobs_being_worked_on_are_not_handed_out_again(queue: BlobTriggerQueue) -> None:
    queue.enqueue_new("f", "img", [FIRST, ListedBlob("b.png", '"1"', 0.0)])
    first = queue.waiting((), 1)[0]
    assert [blob.name for blob in queue.waiting([first.row_id], 10)] == ["b.png"]


def test_events_are_queued_every_time(queue: BlobTriggerQueue) -> None:
    queue.enqueue_event("f", "img", "a.png")
    queue.enqueue_event("f", "img", "a.png")
    assert names(queue) == ["a.png", "a.png"]


def test_forgotten_receipts_let_blobs_fire_again(queue: BlobTriggerQueue) -> None:
    queue.enqueue_new("f", "img", [FIRST])
    queue.enqueue_new("g", "img", [FIRST])
    assert queue.reset_receipts("F") == 1
    assert queue.enqueue_new("f", "img", [FIRST]) == 1
    assert queue.reset_receipts() == 2


def test_a_file_of_a_newer_host_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "blobs.db"
    BlobTriggerQueue(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StateNewerError, match="schema version 99"):
        BlobTriggerQueue(path)
    assert connection.execute("PRAGMA user_version").fetchone() == (99,)
    connection.close()


class RefusingDisk(sqlite3.Connection):
    """A connection whose transactions stay open at their commit while the disk is full."""

    full = False

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        if self.full and sql == "COMMIT":
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *rest)


def test_a_full_disk_leaves_no_transaction_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = functools.partial(sqlite3.connect, factory=RefusingDisk)
    monkeypatch.setattr("functions_host.triggers.blobs.queue.sqlite3.connect", connect)
    queue = BlobTriggerQueue(tmp_path / "blobs.db")
    monkeypatch.setattr(RefusingDisk, "full", True)
    with pytest.raises(sqlite3.OperationalError, match="full"):
        queue.enqueue_new("f", "img", [FIRST])
    monkeypatch.setattr(RefusingDisk, "full", False)
    assert queue.enqueue_new("f", "img", [FIRST]) == 1


def test_what_another_host_began_is_handed_out_at_once_unless_it_is_hidden(tmp_path: Path) -> None:
    """Azure's queue shows a message again ten minutes after it was taken; what was never taken, at once."""
    clock = VirtualClock()
    dead = BlobTriggerQueue(tmp_path / "blobs.db")
    dead.honour_leases(clock.now, BLOB_LEASE)
    dead.enqueue_new("f", "img", [FIRST, ListedBlob("b.png", '"1"', 0.0)])
    dead.count_delivery(dead.waiting((), 1)[0].row_id)
    assert names(dead) == ["a.png", "b.png"], (
        "to itself it is not hidden: a failed delivery is tried again at once"
    )
    dead.close()

    kinder = BlobTriggerQueue(tmp_path / "blobs.db")
    assert names(kinder) == ["a.png", "b.png"]
    assert kinder.next_visible() is None
    kinder.close()

    as_azure = BlobTriggerQueue(tmp_path / "blobs.db")
    as_azure.honour_leases(clock.now, BLOB_LEASE)
    assert names(as_azure) == ["b.png"]
    assert as_azure.next_visible() == clock.now() + timedelta(minutes=10)
    clock.advance(timedelta(minutes=9, seconds=59))
    assert names(as_azure) == ["b.png"]
    clock.advance(timedelta(seconds=1))
    assert names(as_azure) == ["a.png", "b.png"]
    assert as_azure.next_visible() is None


def test_a_file_of_the_first_version_goes_on_with_what_waited_in_it(tmp_path: Path) -> None:
    path = tmp_path / "blobs.db"
    queue = BlobTriggerQueue(path)
    queue.enqueue_new("f", "img", [FIRST])
    queue.count_delivery(queue.waiting((), 1)[0].row_id)
    queue.close()
    with sqlite3.connect(path) as first_version:  # what the second one added, taken back
        first_version.execute("ALTER TABLE blob_queue DROP COLUMN lease_owner")
        first_version.execute("ALTER TABLE blob_queue DROP COLUMN leased_at")
        first_version.execute("PRAGMA user_version = 1")
    first_version.close()
    for _ in range(2):
        queue = BlobTriggerQueue(path)
        queue.honour_leases(VirtualClock().now, BLOB_LEASE)
        [blob] = queue.waiting((), 10)
        assert (blob.name, blob.dequeue_count) == ("a.png", 1)
        assert queue.enqueue_new("f", "img", [FIRST]) == 0
        queue.close()
