"""Disk watermarks, retention, and what the agent says of itself."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from pathlib import Path

import pytest

from local_agent.agent.housekeeping import Housekeeper
from local_agent.agent.metrics import serve_metrics
from local_agent.agent.settings import UploadSettings
from local_agent.agent.status import AgentStatus, batch_line, progress_line
from local_agent.folder.layout import DeviceFolders
from local_agent.folder.room import Room, delete_expired, make_room, room
from local_agent.reports import BatchReport, ListingReport, post_batch, take_batches
from local_agent.streaming.job_options import JobOptions


@pytest.fixture
def folders(tmp_path: Path) -> DeviceFolders:
    folders = DeviceFolders(tmp_path)
    folders.create()
    return folders


def settings(root: Path, when_full: str) -> UploadSettings:
    job = JobOptions(str(root), "dev-1")
    return UploadSettings(
        job, root / "cp", root / "status.json", root / "rt", "local[1]", when_full=when_full
    )


def test_a_full_disk_counts_as_full_until_it_is_below_the_warning() -> None:
    readings = [50, 85, 96, 90, 81, 79, 85]
    now, seen = Room.ENOUGH, []
    for used in readings:
        now = room(used, 80, 95, now)
        seen.append(now.value)
    assert seen == ["enough", "little", "none", "none", "none", "enough", "little"]


def test_pausing_asks_the_device_and_deletes_nothing(folders: DeviceFolders) -> None:
    (folders.inbox / "a.png").write_bytes(b"x")
    (folders.done / "b.png").write_bytes(b"x")
    now, used = [0.0], [99.0]
    keeper = Housekeeper(settings(folders.root, "pause"), clock=lambda: now[0], used=lambda _: used[0])
    keeper.tick()
    assert folders.pause_request.exists()
    assert (folders.inbox / "a.png").exists()
    assert (folders.done / "b.png").exists()
    now[0], used[0] = 10.0, 50.0
    keeper.tick()
    assert not folders.pause_request.exists()


def test_dropping_takes_uploaded_files_first_then_the_oldest_waiting_and_names_them(
    folders: DeviceFolders,
) -> None:
    for folder, name, age in (
        (folders.done, "d.png", 1),
        (folders.inbox, "old.png", 100),
        (folders.inbox, "new.png", 1),
    ):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (time.time() - age, time.time() - age))
    (folders.inbox / ".writing.part").write_bytes(b"x")

    def remaining() -> int:
        return sum(1 for path in folders.root.rglob("*.p*") if path.is_file())

    assert make_room(folders, lambda: remaining() > 3) == (1, 0)
    assert make_room(folders, lambda: remaining() > 1) == (0, 2)
    assert [path.name for path in folders.inbox.iterdir()] == [".writing.part"]
    dropped = [json.loads(line) for line in (folders.rejected / "dropped.jsonl").read_text().splitlines()]
    assert [line["source_name"] for line in dropped] == ["old.png", "new.png"]


def test_retention_counts_from_the_move_not_from_the_capture(folders: DeviceFolders) -> None:
    path = folders.done / "a.png"
    path.write_bytes(b"x")
    os.utime(path, (1, 1))
    assert delete_expired(folders, 1.0) == 0
    assert delete_expired(folders, 1.0, now=time.time() + 2 * 86400) == 1


def test_reports_arrive_once_in_order_and_damaged_ones_are_passed_over(tmp_path: Path) -> None:
    for number in range(3):
        post_batch(tmp_path, BatchReport(number, uploaded=number, workers=("w",)))
    (tmp_path / "batch-0-broken.json").write_text("{")
    assert [report.batch for report in take_batches(tmp_path)] == [0, 1, 2]
    assert list(take_batches(tmp_path)) == []


def test_status_adds_up_over_batches_and_restarted_readers() -> None:
    status = AgentStatus(clock=lambda: 1.0)
    status.add_batch(BatchReport(0, uploaded=5, bytes=50))
    status.add_listing(ListingReport(waiting=7, rejected=2))
    status.add_listing(ListingReport(waiting=1, rejected=1))
    status.add_batch(BatchReport(1, failed=3, error="away"))
    shown = status.as_json()
    assert (shown["uploaded"], shown["bytes"], shown["rejected"], shown["waiting"]) == (5, 50, 3, 1)
    assert (shown["state"], shown["last_error"]) == ("waiting_for_storage", "away")
    status.add_batch(BatchReport(2, uploaded=1))
    assert (status.as_json()["state"], status.as_json()["last_error"]) == ("running", "")


def test_a_batch_leaves_one_line_of_json() -> None:
    line = batch_line(
        BatchReport(3, uploaded=10, bytes=99, seconds=2.0), ListingReport(waiting=4, oldest_seconds=1.5)
    )
    assert "\n" not in line
    assert json.loads(line).items() >= {
        "event": "batch", "files": 10, "bytes": 99, "waiting": 4, "oldest_seconds": 1.5, "files_per_second": 5.0,
    }.items()  # fmt: skip


def test_prometheus_reads_the_status_of_the_moment(unused_port: int) -> None:
    status = AgentStatus()
    stop = serve_metrics(unused_port, status.as_json)
    try:
        status.add_batch(BatchReport(0, uploaded=3))
        text = urllib.request.urlopen(f"http://127.0.0.1:{unused_port}/metrics", timeout=5).read().decode()
    finally:
        stop()
    assert "image_agent_uploaded_total 3.0" in text
    assert 'image_agent_state{state="running"} 1.0' in text


def test_the_live_line_says_what_is_wrong() -> None:
    status = AgentStatus()
    status.add_batch(BatchReport(0, failed=1, error="container 'img' does not exist", blocked=True))
    assert "blocked: 0 uploaded" in progress_line(status.as_json())
    assert "container 'img' does not exist" in progress_line(status.as_json())


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
