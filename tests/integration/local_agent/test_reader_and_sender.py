"""The source's reader and the sink's sender against a real folder and a real service, without a JVM between them.

For what needs other settings than the shared agent's, or an exact moment between listing and upload.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql.streaming.datasource import ReadAllAvailable

from local_agent.blob_contract import describe
from local_agent.folder.entries import Identity
from local_agent.streaming.inbox_reader import InboxReader
from local_agent.streaming.job_options import JobOptions
from local_agent.streaming.sending import Sender, TaskResult
from tests.integration.local_agent.agent_kit import Storage, drop

pytestmark = [pytest.mark.azurite]


_to_close: list[Sender] = []


class Device:
    """A folder, a reader and a sender with the given options."""

    def __init__(self, root: Path, storage: Storage, **options: object) -> None:
        settings: dict[str, object] = {"settle_seconds": 0.2, "connections": 4} | options
        self.options = replace(JobOptions(str(root), "dev-1", storage.container), **settings)  # type: ignore[arg-type]
        self.options.folders.create()
        self.inbox, self.done = self.options.folders.inbox, self.options.folders.done
        self.reader = InboxReader(self.options)
        self.batch = 0
        self.sender = Sender(self.options)
        _to_close.append(self.sender)

    def listed(self) -> list[tuple[bytes, Identity]]:
        """What the next micro-batch would hold; empty after a second without files."""
        start = {"batch": self.batch}
        end = self.reader.latestOffset(start, ReadAllAvailable())
        self.batch = end["batch"]
        parts = self.reader.partitions(start, end)
        return [
            (path, Identity(*identity))
            for part in parts
            for path, identity in zip(part.paths, part.identities, strict=True)
        ]

    def step(self) -> TaskResult:
        """One micro-batch."""
        return self.sender.send(iter(self.listed()))


@pytest.fixture(autouse=True)
def _credentials(azurite: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AGENT_STORAGE_CONNECTION_STRING", azurite.connection_string)  # type: ignore[attr-defined]
    yield
    while _to_close:
        _to_close.pop().close()


def test_stable_contract_takes_a_file_only_after_it_kept_still(tmp_path: Path, storage: Storage) -> None:
    device = Device(tmp_path, storage, contract="stable", settle_seconds=0.4)
    with (device.inbox / "slow.png").open("wb") as file:
        for byte in range(20):
            file.write(bytes([byte]))
            file.flush()
            time.sleep(0.05)
            assert device.reader._next_files() == []
    assert device.step().uploaded == 1
    [blob] = storage.of(b"slow.png")
    assert storage.content(blob) == bytes(range(20))


def test_marker_contract_takes_a_file_only_with_its_marker_and_removes_both(
    tmp_path: Path, storage: Storage
) -> None:
    device = Device(tmp_path, storage, contract="marker")
    (device.inbox / "a.png").write_bytes(b"whole")
    assert device.listed() == []
    (device.inbox / "a.png.done").touch()
    assert device.step().uploaded == 1
    assert list(device.inbox.iterdir()) == []
    (device.inbox / "a.png").write_bytes(b"the next one is not finished")
    assert device.listed() == []


def test_a_file_named_like_a_marker_is_an_image_where_no_markers_are_agreed(
    tmp_path: Path, storage: Storage
) -> None:
    device = Device(tmp_path, storage)
    drop(device.inbox, "a.png", b"1")
    drop(device.inbox, "a.png.done", b"2")
    assert device.step().uploaded == 2
    assert {blob.source for blob in storage.blobs()} == {b"a.png", b"a.png.done"}


def test_a_file_that_vanished_after_the_listing_is_skipped(tmp_path: Path, storage: Storage) -> None:
    device = Device(tmp_path, storage)
    drop(device.inbox, "gone.png", b"x")
    drop(device.inbox, "stays.png", b"y")
    files = device.listed()
    (device.inbox / "gone.png").unlink()
    result = device.sender.send(iter(files))
    assert (result.uploaded, result.skipped, result.failed) == (1, 1, 0)


def test_a_file_rewritten_after_the_listing_waits_for_the_next(tmp_path: Path, storage: Storage) -> None:
    device = Device(tmp_path, storage)
    drop(device.inbox, "a.png", b"old")
    files = device.listed()
    drop(device.inbox, "a.png", b"new content")
    assert device.sender.send(iter(files)).skipped == 1
    assert device.step().uploaded == 1
    [blob] = storage.of(b"a.png")
    assert storage.content(blob) == b"new content"


def test_a_file_swapped_for_a_fifo_or_a_link_after_the_listing_is_not_followed(
    tmp_path: Path, storage: Storage
) -> None:
    device = Device(tmp_path, storage)
    for name in ("a.png", "b.png"):
        drop(device.inbox, name, b"x")
    files = device.listed()
    for name in ("a.png", "b.png"):
        (device.inbox / name).unlink()
    os.mkfifo(device.inbox / "a.png")
    (device.inbox / "b.png").symlink_to("/etc/passwd")
    device.sender.send(iter(files))
    assert storage.blobs() == []


def test_a_crash_between_acknowledgement_and_move_uploads_nothing_twice(
    tmp_path: Path, storage: Storage
) -> None:
    device = Device(tmp_path, storage)
    path = drop(device.inbox, "a.png", b"x")
    times = (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    device.step()
    (device.done / "a.png").replace(path)
    os.utime(path, ns=times)
    result = device.step()
    assert (result.uploaded, result.already_there) == (1, 1)
    assert len(storage.blobs()) == 1
    assert (device.done / "a.png").exists()


def test_a_name_that_holds_other_bytes_is_a_conflict_and_never_overwritten(
    tmp_path: Path, storage: Storage
) -> None:
    device = Device(tmp_path, storage)
    path = drop(device.inbox, "a.png", b"ours")
    name = describe("dev-1", b"a.png", path.stat().st_mtime_ns, b"ours").name
    storage.client.upload_blob(name, b"theirs", metadata={"sha256": "0" * 64})
    assert device.step().rejected == 1
    assert storage.client.download_blob(name).readall() == b"theirs"
    assert (tmp_path / "rejected" / "a.png").read_bytes() == b"ours"
    assert "name_conflict" in (tmp_path / "rejected" / "a.png.reason.json").read_text()


def test_missing_container_keeps_the_file_and_says_what_to_do(tmp_path: Path, new_storage: object) -> None:
    storage = new_storage(create=False)  # type: ignore[operator]
    device = Device(tmp_path, storage)
    drop(device.inbox, "a.png", b"x")
    result = device.step()
    assert result.blocked
    assert "does not exist: create it" in result.error
    assert (device.inbox / "a.png").exists()


def test_wrong_key_keeps_the_file_and_says_what_to_check(
    tmp_path: Path, storage: Storage, azurite: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = azurite.connection_string.replace("AccountKey=", "AccountKey=AAAA")  # type: ignore[attr-defined]
    monkeypatch.setenv("AGENT_STORAGE_CONNECTION_STRING", wrong)
    device = Device(tmp_path, storage)
    drop(device.inbox, "a.png", b"x")
    result = device.step()
    assert result.blocked
    assert "check" in result.error
    assert (device.inbox / "a.png").exists()


def test_delete_done_deletes_only_what_was_acknowledged(tmp_path: Path, storage: Storage) -> None:
    device = Device(tmp_path, storage, keep_done=False)
    drop(device.inbox, "a.png", b"x")
    assert device.step().uploaded == 1
    assert not (device.inbox / "a.png").exists()
    assert not (device.done / "a.png").exists()


@pytest.mark.parametrize(("order", "first"), [("oldest", b"old.png"), ("newest", b"new.png")])
def test_upload_order_is_the_one_asked_for(
    tmp_path: Path, storage: Storage, order: str, first: bytes
) -> None:
    device = Device(tmp_path, storage, order=order, files_per_batch=1)
    for name, age in (("new.png", 10), ("old.png", 1000)):
        path = drop(device.inbox, name, b"x")
        os.utime(path, (time.time() - age, time.time() - age))
    assert [path for path, _ in device.listed()] == [first]


def test_bandwidth_limit_is_kept(tmp_path: Path, storage: Storage) -> None:
    device = Device(tmp_path, storage, bytes_per_second=200_000, parallelism=1)
    for number in range(8):
        drop(device.inbox, f"{number}.png", bytes(50_000))
    started = time.monotonic()
    assert device.step().uploaded == 8
    # 400 KB at 200 KB/s, of which one second's worth may go at once
    assert time.monotonic() - started > 0.7


def test_a_stop_request_ends_the_batch_between_two_files(tmp_path: Path, storage: Storage) -> None:
    device = Device(tmp_path, storage)
    for number in range(200):
        drop(device.inbox, f"{number}.png", b"x")
    files = device.listed()
    device.options.folders.stop_request.touch()
    result = device.sender.send(iter(files))
    assert result.uploaded < 10
    assert result.uploaded + result.skipped == 200
    assert device.listed() == []


def test_replayed_batch_after_a_restart_holds_what_is_left(tmp_path: Path, storage: Storage) -> None:
    device = Device(tmp_path, storage)
    drop(device.inbox, "a.png", b"x")
    restarted = InboxReader(device.options)
    [part] = restarted.partitions({"batch": 7}, {"batch": 8})
    assert part.paths == [b"a.png"]
    assert InboxReader(device.options).partitions({"batch": 8}, {"batch": 8}) == []


@pytest.mark.skipif(os.name == "nt", reason="permissions of another kind")
def test_unreadable_file_waits_is_counted_and_its_neighbours_go_on(tmp_path: Path, storage: Storage) -> None:
    device = Device(tmp_path, storage)
    drop(device.inbox, "closed.png", b"x").chmod(0)
    drop(device.inbox, "open.png", b"x").chmod(0o644)
    with as_somebody_else(tmp_path):
        assert [path for path, _ in device.listed()] == [b"open.png"]
    assert device.reader._listing.unreadable == 1
    (device.inbox / "closed.png").chmod(0o644)
    with as_somebody_else(tmp_path):
        assert b"closed.png" in [path for path, _ in device.listed()]


@contextlib.contextmanager
def as_somebody_else(folder: Path) -> Iterator[None]:
    """Root may read everything: for the look itself become a user who may not."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.parents[:3], *(path for path in folder.rglob("*") if path.is_dir())):
        if path != Path("/tmp"):
            path.chmod(0o777)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
