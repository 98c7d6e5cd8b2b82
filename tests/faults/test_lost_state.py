"""Parts that are asked to end, started twice, or find their state gone or damaged (rows 19, 20, 23)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time

import pytest
from kit.pipeline import Pipeline, kill
from kit.report import Report

from local_stack import parts
from local_stack.processes import wait_until

DRAIN_SECONDS = 180


@pytest.mark.parametrize("part", ["agent", "host"])
def test_sigterm_hands_back_the_batch_within_ten_seconds(
    pipeline: Pipeline, report: Report, seed: int, part: str
) -> None:
    """Row 23: busy, asked to end, ended with exit code 0; what was under way is done after the restart."""
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
    """Row 19: the second agent says who holds the folder, ends with 4, and disturbs nothing."""
    device = pipeline.simulate(20, seed, "second", rate=20)
    second = subprocess.run(pipeline.agent.command, env=pipeline.agent.environment, cwd=pipeline.agent.cwd,
                            capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert second.returncode == 4
    assert str(pipeline.agent.pid) in second.stderr
    device.wait(30)
    balance, seconds = pipeline.drained(DRAIN_SECONDS, made=20, prefix="second")
    report.balanced(balance, seconds, 20)


@pytest.mark.parametrize("damage", ["deleted", "truncated"])
def test_checkpoint_lost(pipeline: Pipeline, report: Report, seed: int, damage: str) -> None:
    """Row 20: Spark's checkpoint holds nothing that the folder does not know."""
    prefix = f"checkpoint-{damage}"
    pipeline.simulate(20, seed, prefix).wait(60)
    kill(pipeline.agent)
    if damage == "deleted":
        shutil.rmtree(pipeline.state.checkpoint)
    else:
        for path in pipeline.state.checkpoint.rglob("*"):
            if path.is_file():
                os.truncate(path, 0)
    pipeline.start_agent()
    balance, seconds = pipeline.drained(DRAIN_SECONDS, made=20, prefix=prefix)
    report.balanced(balance, seconds, 20)


def _recovered_host(pipeline: Pipeline) -> str:
    """Start the host; where it refuses its damaged state, do what the guide tells: set the folder aside."""
    pipeline.host.start()
    came_up = wait_until(lambda: pipeline.host.exit_code() is not None or _answers(pipeline), 60)
    assert came_up
    if pipeline.host.exit_code() is None:
        return "came up by itself"
    said = pipeline.host.log.read_text(errors="replace").strip().splitlines()[-1]
    assert pipeline.host.exit_code() == 1
    assert said.startswith("functions_host: "), said
    assert "Traceback" not in said
    pipeline.state.host.rename(pipeline.state.root / "host-damaged")
    pipeline.start_host()
    return said


def _answers(pipeline: Pipeline) -> bool:
    try:
        parts.functions_host_ready(pipeline.url, pipeline.host, seconds=0.5)
    except Exception:
        return False
    return True


@pytest.mark.parametrize("damage", ["deleted", "truncated"])
def test_history_store_lost(pipeline: Pipeline, report: Report, seed: int, damage: str) -> None:
    """Row 20: a host without its history scans again; rows that are there are found, not doubled."""
    prefix = f"history-{damage}"
    pipeline.simulate(20, seed, prefix).wait(60)
    wait_until(lambda: pipeline.balance(prefix).uploaded >= 5, 30)
    kill(pipeline.host)
    if damage == "deleted":
        shutil.rmtree(pipeline.state.host)
    else:
        for path in pipeline.state.host.rglob("*.db*"):
            os.truncate(path, path.stat().st_size // 3)
    said = _recovered_host(pipeline)
    balance, seconds = pipeline.drained(DRAIN_SECONDS, made=20, prefix=prefix)
    report.balanced(balance, seconds, 20, said=said)
