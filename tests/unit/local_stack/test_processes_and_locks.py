"""Children end with their parent, and a lock ends with its holder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from local_stack.errors import StackError
from local_stack.install.file_lock import LockedByAnotherProcessError, exclusive_lock
from local_stack.operate.running_stack import RunningStack, end_leftovers, read_running
from local_stack.processes import ChildProcess, wait_until

SLEEP = "import time; time.sleep(600)"


def child(tmp_path: Path, program: str) -> ChildProcess:
    process = ChildProcess(
        "The part", [sys.executable, "-c", program], os.environ, tmp_path / "log", tmp_path
    )
    process.start()
    return process


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_stopping_a_part_ends_what_it_started(tmp_path: Path) -> None:
    part = child(
        tmp_path,
        f"import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]);"
        "print(p.pid, flush=True); time.sleep(600)",
    )
    assert wait_until(lambda: (tmp_path / "log").read_text().strip() != "", 10)
    grandchild = int((tmp_path / "log").read_text())
    part.stop(grace_seconds=2)
    assert gone(part.pid)
    assert wait_until(lambda: gone(grandchild), 5)


def test_a_part_that_ignores_sigterm_is_ended_all_the_same(tmp_path: Path) -> None:
    part = child(
        tmp_path, "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(600)",
    )  # fmt: skip
    assert wait_until(lambda: "deaf" in (tmp_path / "log").read_text(), 10)
    part.stop(grace_seconds=0.3)
    assert gone(part.pid)


def test_a_part_that_ended_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    part = child(tmp_path, "print('the reason'); raise SystemExit(3)")
    assert wait_until(lambda: part.exit_code() is not None, 10)
    with pytest.raises(StackError, match=r"exit code 3[\s\S]*the reason"):
        part.check()


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_kill_9_of_the_parent_ends_its_children(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c",
         "import os, sys, time; from pathlib import Path; from local_stack.processes import ChildProcess;"
         f"c = ChildProcess('x', [sys.executable, '-c', {SLEEP!r}], os.environ, Path('log'), Path('.'));"
         "c.start(); print(c.pid, flush=True); time.sleep(600)"],
        cwd=tmp_path, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert parent.stdout is not None
    orphan = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert wait_until(lambda: gone(orphan), 5)


def test_a_lock_is_refused_while_its_holder_lives_and_free_when_it_was_killed(tmp_path: Path) -> None:
    lock = tmp_path / "stack.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c",
         "import time; from pathlib import Path; from local_stack.install.file_lock import exclusive_lock\n"
         f"with exclusive_lock(Path({str(lock)!r})): print('held', flush=True); time.sleep(600)"],
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == b"held"
    with pytest.raises(LockedByAnotherProcessError) as refused, exclusive_lock(lock):
        pass
    assert refused.value.holder == str(holder.pid)
    holder.kill()
    holder.wait()
    with exclusive_lock(lock):
        pass


def test_a_running_file_of_a_dead_stack_counts_as_none(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path = tmp_path / "running.json"
    RunningStack(dead.pid, time.time(), "embedded", "http://127.0.0.1:1", 1, 2, 3, "", {}).write(path)
    assert read_running(path) is None


def test_leftovers_of_a_killed_stack_are_ended_and_strangers_are_spared(tmp_path: Path) -> None:
    started = time.time()
    ours = subprocess.Popen([sys.executable, "-c", SLEEP + "  # local_agent"])
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP])
    path = tmp_path / "running.json"
    children = {"The agent": ours.pid, "Azurite": stranger.pid}
    RunningStack(2**22, started, "embedded", "http://127.0.0.1:1", 1, 2, 3, "", children).write(path)
    try:
        assert end_leftovers(path) == 1
        assert ours.wait(5) is not None
        assert stranger.poll() is None
        assert not path.exists()
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("content", ["", "{", '{"pid": 1}', "[]"])
def test_a_damaged_running_file_counts_as_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "running.json"
    path.write_text(content)
    assert read_running(path) is None
    assert end_leftovers(path) == 0
