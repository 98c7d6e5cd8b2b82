"""The worker process crashes while images are under way, as on Azure: what it ran fails and is not delivered again.

The embedded host tells it in the words recorded on Functions host 4.1037 (``invoking/worker.py``);
the third crash in a row ends the host.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kit.locking import locked
from kit.pipeline import Pipeline
from kit.report import Report

from local_stack.errors import StackError
from local_stack.processes import wait_until

SCRIPT = Path(__file__).parent / "kit" / "scripts" / "host_with_a_worker.py"
IMAGES, BAD = 30, 3
AWAY_SECONDS = {False: 1.0, True: 5.0}  # recorded: 3 to 7
DRAIN_SECONDS = 180


@pytest.fixture
def crashing(pipeline: Pipeline, full: bool) -> Iterator[Pipeline]:
    """The shared pipeline, its host one whose worker can crash."""
    plain, environment = pipeline.host.command, pipeline.host.environment
    pipeline.host.stop()
    pipeline.host.command = [sys.executable, "-B", str(SCRIPT), *plain[plain.index("start") :]]
    pipeline.host.environment = {
        **environment,
        "WORKER_AWAY_SECONDS": str(AWAY_SECONDS[full]),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    pipeline.start_host()
    yield pipeline
    pipeline.host.stop()
    pipeline.host.command, pipeline.host.environment = plain, environment


def crash(pipeline: Pipeline) -> None:
    os.kill(pipeline.host.pid, signal.SIGUSR1)


def answers(pipeline: Pipeline) -> bool:
    return bool(pipeline.api.counts())


def begun(pipeline: Pipeline) -> int:
    """How many runs are on their way."""
    counts = pipeline.api.counts()
    return counts.get("running", 0) + counts.get("retrying", 0)


def struck(pipeline: Pipeline) -> int:
    """How many runs say that the worker died under one of their steps."""
    with contextlib.suppress(StackError):
        _, page = pipeline.api.get("runs", {"state": "retrying"})
        return sum(run["cause"].startswith("worker_crashed") for run in page.get("runs", []))
    return 0


@pytest.mark.timeout(600)
def test_worker_crashes_under_thirty_images_until_the_host_gives_up(
    crashing: Pipeline, report: Report, seed: int
) -> None:
    """The first crash hits as many steps as run at once; two more end the host, which is started again."""
    pipeline = crashing
    with locked(pipeline):  # every run hangs in its last step
        assert pipeline.simulate(IMAGES, seed, "crashed", bad=BAD).wait(60) == 0
        assert wait_until(lambda: begun(pipeline) >= IMAGES, 60)
        crash(pipeline)
        assert wait_until(lambda: struck(pipeline) >= 8, 20), "nothing was under way"
        hit = struck(pipeline)
    for _ in range(2):
        assert wait_until(lambda: answers(pipeline), 30)
        crash(pipeline)
    assert wait_until(lambda: pipeline.host.exit_code() is not None, 30), "the third crash ends the host"
    assert pipeline.host.exit_code() == 1
    pipeline.start_host()
    balance, took = pipeline.drained(DRAIN_SECONDS, made=IMAGES, prefix="crashed")
    report.balanced(balance, took, IMAGES, crashes=3, runs_hit_by_the_first=hit)
    assert (balance.scored, balance.rejected) == (IMAGES - BAD, BAD)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_worker_crashes_at_random_while_images_arrive(crashing: Pipeline, report: Report, seed: int) -> None:
    """Triggers and orchestrators are hit too; what an orchestrator leaves behind failed, the sweep starts anew."""
    pipeline, chance = crashing, random.Random(f"{seed}/worker")
    images, crashes, recycled = 300, 0, 0
    device = pipeline.simulate(images, seed, "random-crash", bad=images // 20, rate=5)
    while device.poll() is None:
        time.sleep(chance.uniform(0, 4))
        if pipeline.host.exit_code() is not None:
            recycled += 1
            pipeline.start_host()
        elif answers(pipeline):
            crash(pipeline)
            crashes += 1
    assert device.wait(60) == 0
    assert wait_until(lambda: answers(pipeline) or pipeline.host.exit_code() is not None, 60)
    recycled += pipeline.host.exit_code() is not None
    pipeline.revive()
    balance, took = pipeline.drained(DRAIN_SECONDS, made=images, prefix="random-crash")
    report.balanced(balance, took, images, crashes=crashes, hosts_ended=recycled)
    assert balance.failed == 0
