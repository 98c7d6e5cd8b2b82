"""Faults met by the whole pipeline, real parts throughout: after each, the books balance by themselves."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from kit.pipeline import Pipeline, kill
from kit.proxy import Mode
from kit.report import Report

from local_stack import parts
from local_stack.processes import wait_until

DRAIN_SECONDS = 90


def test_random_kills_lose_nothing(pipeline: Pipeline, report: Report, seed: int, full: bool) -> None:
    """Rows 1 and 2: kill -9 of uploader, host and Azurite, at random, while images arrive."""
    images, kills = (2000, 300) if full else (150, 20)
    chance = random.Random(seed)
    device = pipeline.simulate(images, seed, "kills", bad=images // 20, rate=5 if full else 6)
    counted = {"uploader": 0, "host": 0, "azurite": 0}
    next_uploader = 0.0
    for _ in range(kills):
        time.sleep(chance.uniform(0.05, 1.5))
        victim = chance.choice(["uploader", "host", "host", "azurite"] if not full else list(counted))
        if victim == "uploader" and time.monotonic() < next_uploader:
            victim = chance.choice(["host", "azurite"])
        counted[victim] += 1
        if victim == "azurite":
            kill(pipeline.azurite)
            pipeline.start_azurite()
        elif victim == "host":
            kill(pipeline.host)
            pipeline.host.start()
        else:
            kill(pipeline.agent, whole_family=chance.random() < 0.5)
            pipeline.start_agent(wait=False)
            # A JVM needs seconds to start; at full scale half of the lives get to upload something.
            next_uploader = time.monotonic() + chance.uniform(2, 16)
    parts.functions_host_ready(pipeline.url, pipeline.host)
    assert device.wait(600) == 0
    balance, seconds = pipeline.drained(600 if full else DRAIN_SECONDS, made=images, prefix="kills")
    report.balanced(balance, seconds, images, kills=counted)


test_random_kills_lose_nothing = pytest.mark.timeout(3000)(test_random_kills_lose_nothing)


@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.SILENT, Mode.DROP_REPLIES], ids=lambda mode: mode.value)
def test_storage_away_for_five_seconds(pipeline: Pipeline, report: Report, seed: int, mode: Mode) -> None:
    """Row 6: down, hanging, and every reply lost; the pipeline drains by itself."""
    prefix = f"away-{mode.value}"
    with pipeline.agent_proxy.while_in(mode), pipeline.host_proxy.while_in(mode):
        device = pipeline.simulate(30, seed, prefix, bad=3)
        device.wait(60)
        time.sleep(5)
    balance, seconds = pipeline.drained(DRAIN_SECONDS, made=30, prefix=prefix)
    report.balanced(balance, seconds, 30, dropped_replies=pipeline.agent_proxy.dropped_replies)


@pytest.mark.full
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seconds", [60, int(os.environ.get("FAULTS_LONG_OUTAGE", "600"))])
def test_storage_away_for_long(pipeline: Pipeline, report: Report, seed: int, seconds: int) -> None:
    """Row 6: 60 s and ten minutes, with 500 images waiting."""
    prefix = f"away-{seconds}s"
    with pipeline.agent_proxy.while_in(Mode.REFUSE), pipeline.host_proxy.while_in(Mode.REFUSE):
        pipeline.simulate(500, seed, prefix, bad=20).wait(120)
        time.sleep(seconds)
    balance, took = pipeline.drained(240, made=500, prefix=prefix)
    report.balanced(balance, took, 500, outage_seconds=seconds)


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_storage_that_flaps(pipeline: Pipeline, report: Report, seed: int) -> None:
    """Row 6: 2 s down, 2 s up, again and again while images arrive."""
    flapping = float(os.environ.get("FAULTS_FLAP_SECONDS", "300"))
    images = int(flapping * 4)
    device = pipeline.simulate(images, seed, "flap", bad=images // 20, rate=4)
    pipeline.agent_proxy.flap(flapping / 2)
    pipeline.host_proxy.flap(flapping / 2)
    device.wait(600)
    balance, took = pipeline.drained(240, made=images, prefix="flap")
    report.balanced(balance, took, images, flapping_seconds=flapping)


@pytest.mark.timeout(1200)
def test_database_locked_by_another(pipeline: Pipeline, report: Report, seed: int, full: bool) -> None:
    """Row 7: nothing can be written; the API answers all the while and the rows come by themselves."""
    seconds = 60 if full else 5
    blocker = sqlite3.connect(pipeline.state.database, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        pipeline.simulate(30, seed, "locked", bad=3).wait(60)
        time.sleep(seconds)
        code, _ = pipeline.api.get("runs", {"limit": "1"})
        assert code == 200
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
    balance, took = pipeline.drained(DRAIN_SECONDS + 60, made=30, prefix="locked")
    report.balanced(balance, took, 30, locked_seconds=seconds)


@pytest.mark.timeout(600)
def test_database_absent_and_back(pipeline: Pipeline, report: Report, seed: int, full: bool) -> None:
    """Row 7: the host comes up without its database, answers health with 503, and catches up when it is back."""
    pipeline.host.stop()
    moved = list(pipeline.state.root.glob("results.db*"))
    away = pipeline.state.root / "away"
    away.mkdir()
    for path in moved:
        path.rename(away / path.name)
    pipeline.start_host()
    pipeline.simulate(20, seed, "absent").wait(60)
    time.sleep(60 if full else 5)
    code, body = pipeline.api.get("health")
    for path in moved:
        (away / path.name).rename(path)
    away.rmdir()
    assert code == 503, body
    balance, took = pipeline.drained(DRAIN_SECONDS + 60, made=20, prefix="absent")
    report.balanced(balance, took, 20)


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


@pytest.mark.full
@pytest.mark.timeout(40_000)
def test_endurance_stays_flat(pipeline: Pipeline, report: Report, seed: int) -> None:
    """Row 22: 10 images a second; nothing lost, handles and memory of the host flat over the last half."""
    seconds = int(os.environ.get("FAULTS_ENDURANCE_SECONDS", "300"))
    images = seconds * 10
    device = pipeline.simulate(images, seed, "soak", bad=images // 50, rate=10)
    host = psutil.Process(pipeline.host.pid)
    samples: list[tuple[int, int, int]] = []
    while device.poll() is None:
        time.sleep(2)
        samples.append((host.memory_info().rss, host.num_fds(), host.num_threads()))
    half = samples[len(samples) // 2 :]
    last, middle = half[-1], half[0]
    balance, took = pipeline.drained(300, made=images, prefix="soak")
    report.balanced(balance, took, images, seconds=seconds, rss_mb=[middle[0] >> 20, last[0] >> 20],
                    handles=[middle[1], last[1]], threads=[middle[2], last[2]])  # fmt: skip
    assert last[0] <= middle[0] * 1.05 + 10 * 2**20
    assert last[1] <= middle[1] + 20
    assert last[2] <= middle[2] + 5


def test_zz_no_secret_is_anywhere(pipeline: Pipeline, report: Report) -> None:
    """Row 18, last of all: the account key (drawn for this run) in no log, row, history, checkpoint, argument."""
    secret = pipeline.key.encode("ascii")
    hits = [str(path) for path in pipeline.state.root.rglob("*") if _holds(path, secret)]
    hits += [str(process.pid) for process in psutil.process_iter(["cmdline"])
             if any(pipeline.key in word for word in process.info["cmdline"] or ())]  # fmt: skip
    for route in ("health", "stats", "runs", "runs/none", "images/none"):
        _, body = pipeline.api.get(route)
        hits += [route] * (pipeline.key in str(body))
    report.zeros(report.figures(wrong=len(hits)), hits)


def _holds(path: Path, secret: bytes) -> bool:
    try:
        return path.is_file() and not path.is_symlink() and secret in path.read_bytes()
    except OSError:
        return False
