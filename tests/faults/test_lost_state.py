"""Parts that are asked to end, started twice, or find their state gone or damaged."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kit.pipeline import Pipeline, kill
from kit.report import Report

from local_stack.errors import StackError
from local_stack.processes import wait_until
from local_stack.run import parts
from local_stack.state_folder import PROJECT_ROOT, STATE_VARIABLE

DRAIN_SECONDS = 180
# To the host the last is what "half_written" is, and a start costs seconds.
_FULL_ONLY = [pytest.param(damage, marks=pytest.mark.full) for damage in ("truncated", "overwritten")]


@pytest.mark.parametrize("part", ["agent", "host"])
def test_sigterm_hands_back_the_batch_within_ten_seconds(
    pipeline: Pipeline, report: Report, seed: int, part: str
) -> None:
    """Busy, asked to end, ended with exit code 0; what was under way is done after the restart."""
    prefix = f"term-{part}"
    child = pipeline.agent if part == "agent" else pipeline.host
    pipeline.simulate(60, seed, prefix, rate=0).wait(60)
    started = time.monotonic()
    os.kill(child.pid, signal.SIGTERM)
    assert wait_until(lambda: child.exit_code() is not None, 10), "still running after 10 s"
    took = time.monotonic() - started
    assert child.exit_code() == 0
    (pipeline.start_agent if part == "agent" else pipeline.start_host)()
    balance, seconds = pipeline.drained(DRAIN_SECONDS, made=60, prefix=prefix)
    report.balanced(balance, seconds, 60, ended_after_seconds=round(took, 2))


def test_second_uploader_on_one_folder_refuses(pipeline: Pipeline, report: Report, seed: int) -> None:
    """The second agent says who holds the folder, ends with 4, and disturbs nothing."""
    device = pipeline.simulate(20, seed, "second", rate=20)
    second = subprocess.run(pipeline.agent.command, env=pipeline.agent.environment, cwd=pipeline.agent.cwd,
                            capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert second.returncode == 4
    assert str(pipeline.agent.pid) in second.stderr
    device.wait(30)
    balance, seconds = pipeline.drained(DRAIN_SECONDS, made=20, prefix="second")
    report.balanced(balance, seconds, 20)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("damage", [pytest.param("deleted", marks=pytest.mark.full), "truncated"])
def test_agent_state_lost(pipeline: Pipeline, report: Report, seed: int, damage: str) -> None:
    """Checkpoint, lock, status and reports hold nothing that the folder does not know."""
    prefix = f"agent-{damage}"
    pipeline.simulate(20, seed, prefix).wait(60)
    kill(pipeline.agent)
    kept = [pipeline.state.checkpoint, pipeline.state.device / ".agent", pipeline.state.agent_status]
    for path in kept:
        if damage == "truncated":
            _truncate(path)
        elif path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    pipeline.start_agent()
    balance, seconds = pipeline.drained(DRAIN_SECONDS, made=20, prefix=prefix)
    report.balanced(balance, seconds, 20)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("damage", ["deleted", "half_written", *_FULL_ONLY])
def test_history_store_lost(pipeline: Pipeline, report: Report, seed: int, damage: str) -> None:
    """A host without its history scans again; rows that are there are found, not doubled.

    Where it refuses what is left, it says which file it is, and the one documented command is enough.
    """
    prefix = f"history-{damage}"
    pipeline.simulate(20, seed, prefix).wait(60)
    wait_until(lambda: pipeline.api.counts().get("scored", 0) > 0, 30)
    kill(pipeline.host)
    folder = pipeline.state.host
    if damage == "deleted":
        shutil.rmtree(folder)
    if damage == "truncated":
        _truncate(folder, "*.db*")
    if damage == "overwritten":
        for path in folder.glob("*.db"):
            # Its journal may hold a whole copy of what is overwritten, and SQLite then repairs it by itself.
            path.with_name(f"{path.name}-wal").unlink(missing_ok=True)
            with path.open("r+b") as file:
                file.write(random.Random(seed).randbytes(4096))
    if damage == "half_written":
        (folder / "timers.json").write_text('{"sweep_blobs": {"last": "2026-')
    said = _recovered_host(pipeline)
    assert damage in ("deleted", "truncated") or "is damaged" in said
    balance, seconds = pipeline.drained(DRAIN_SECONDS, made=20, prefix=prefix)
    report.balanced(balance, seconds, 20, said=said)


def _truncate(path: Path, pattern: str = "*") -> None:
    """Every file to a third of its length."""
    for each in (path, *path.rglob(pattern)) if path.is_dir() else (path,):
        if each.is_file():
            os.truncate(each, each.stat().st_size // 3)


def _recovered_host(pipeline: Pipeline) -> str:
    """Start the host; where it refuses its damaged state, do what the guide tells."""
    pipeline.host.start()
    assert wait_until(lambda: pipeline.host.exit_code() is not None or _answers(pipeline), 60)
    if pipeline.host.exit_code() is None:
        return "came up by itself"
    said = pipeline.host.log.read_text(errors="replace").strip().splitlines()[-1]
    assert pipeline.host.exit_code() == 1
    assert said.startswith("functions_host: "), said
    environment = {**os.environ, STATE_VARIABLE: str(pipeline.state.root)}
    words = [sys.executable, "pipeline.py", "recover"]
    recovered = subprocess.run(
        words, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert "is damaged" in recovered.stderr
    pipeline.start_host()
    return said.replace(str(pipeline.state.root), "")


def _answers(pipeline: Pipeline) -> bool:
    try:
        parts.functions_host_ready(pipeline.url, pipeline.host, seconds=0.5)
    except StackError:
        return False
    return True
