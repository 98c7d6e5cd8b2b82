"""What the computer itself does: a disk that is full or read-only, a clock that jumps."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kit.clock_setting import JumpingClock
from kit.pictures import grey_png
from kit.pipeline import Pipeline
from kit.report import Report

from local_stack.processes import wait_until

pytestmark = [pytest.mark.full, pytest.mark.lane("machine"), pytest.mark.timeout(600)]
_DAY = 86_400
FAULT_SECONDS = 15
DRAIN_SECONDS = 180


class Machine:
    """A pipeline whose device folder and whose database and histories lie on two small disks of their own."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.clock = JumpingClock(root / "clock")
        self.device_disk, self.host_disk = root / "pipeline" / "device", root / "pipeline" / "host"
        for disk in (self.device_disk, self.host_disk):
            disk.mkdir(parents=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(disk)], check=True)
        self.pipeline = Pipeline(root / "pipeline", seed)
        database = f"sqlite:///{self.host_disk / 'results.db'}"
        self.pipeline.environment["SQL_CONNECTION_STRING"] = database
        self.pipeline.host.environment["SQL_CONNECTION_STRING"] = database
        for part in (self.pipeline.host, self.pipeline.agent):
            part.environment |= self.clock.environment()

    def close(self) -> None:
        self.pipeline.stop()
        for disk in (self.device_disk, self.host_disk):
            subprocess.run(["umount", "-l", str(disk)], check=False)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("small disks are mounted for it, which only root may")
    made = Machine(tmp_path_factory.mktemp("machine"), seed)
    try:
        made.pipeline.start()
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def filled(disk: Path) -> Iterator[None]:
    """Not one byte is left on the disk for the length of the block."""
    ballast = disk / ".ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    try:
        yield
    finally:
        ballast.unlink()


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """No name in the folder can be made, renamed or removed for the length of the block, not even by root."""
    subprocess.run(["chattr", "+i", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(folder)], check=True)


def stubborn_device(pipeline: Pipeline, prefix: str, seed: int, count: int) -> threading.Thread:
    """A device that tries again until its disk takes the file."""

    def write() -> None:
        for number in range(count):
            name, content = f"{prefix}-{number}.png".encode(), grey_png(seed + number)
            while not _written(lambda name=name, content=content: pipeline.put(name, content)):  # type: ignore[misc]
                time.sleep(0.2)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def _written(write: Callable[[], None]) -> bool:
    try:
        write()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("which", ["device", "host"])
def test_full_disk(machine: Machine, report: Report, seed: int, which: str) -> None:
    """ENOSPC under the device's folders, or under the database and the histories."""
    pipeline, prefix = machine.pipeline, f"full-{which}"
    device = stubborn_device(pipeline, prefix, seed + 100_000, 20)
    with filled(machine.device_disk if which == "device" else machine.host_disk):
        more = stubborn_device(pipeline, f"{prefix}-more", seed + 110_000, 20)
        time.sleep(FAULT_SECONDS)
    device.join(60)
    more.join(60)
    balance, took = pipeline.drained(DRAIN_SECONDS, made=40, prefix=prefix)
    report.balanced(balance, took, 40, full_seconds=FAULT_SECONDS)


@pytest.mark.parametrize("which", ["done", "inbox"])
def test_read_only_folder(machine: Machine, report: Report, seed: int, which: str) -> None:
    """What was uploaded cannot be moved to done/: it is uploaded once all the same."""
    pipeline, prefix = machine.pipeline, f"readonly-{which}"
    folder = pipeline.state.done if which == "done" else pipeline.state.inbox
    pipeline.agent.stop()
    pipeline.simulate(20, seed, prefix).wait(60)
    with read_only(folder):
        pipeline.start_agent()
        wait_until(lambda: pipeline.balance(prefix).uploaded >= 20, FAULT_SECONDS)
        time.sleep(FAULT_SECONDS)
        left = len(list(pipeline.state.inbox.glob(f"{prefix}*")))
    balance, took = pipeline.drained(DRAIN_SECONDS, made=20, prefix=prefix)
    assert wait_until(lambda: not list(pipeline.state.inbox.glob(f"{prefix}*")), 60), "a file stayed behind"
    report.balanced(balance, took, 20, read_only_seconds=FAULT_SECONDS, left_in_the_inbox_meanwhile=left)


def test_clock_that_jumps_by_a_day(machine: Machine, report: Report, seed: int) -> None:
    """Forth, back and right again while runs wait for their next try: none of them waits a day for it.

    While the clock is wrong, storage may refuse every request, as Azure does beyond 15 minutes; that is no loss.
    """
    pipeline, prefix = machine.pipeline, "clock"
    device = pipeline.simulate(60, seed, prefix, bad=6, rate=4)
    try:
        for shift in (_DAY, -_DAY):
            machine.clock.jump_to(shift)
            time.sleep(FAULT_SECONDS / 3)
    finally:
        machine.clock.jump_to(0)
    device.wait(60)
    balance, took = pipeline.drained(DRAIN_SECONDS, made=60, prefix=prefix)
    report.balanced(balance, took, 60, jumps_seconds=[_DAY, -_DAY, 0])
