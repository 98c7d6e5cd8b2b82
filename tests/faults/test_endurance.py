"""Hours of ordinary work: nothing lost, and nothing grows."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from statistics import median

import psutil
import pytest
from kit.pipeline import Pipeline
from kit.report import Report

from local_stack.reconcile.evidence import ENDED

# Eight hours at a release: FAULTS_ENDURANCE_SECONDS=28800.
SECONDS = int(os.environ.get("FAULTS_ENDURANCE_SECONDS", "1200"))
RATE = float(os.environ.get("FAULTS_ENDURANCE_RATE", "10"))


@dataclass(frozen=True)
class Sample:
    """What a part and all its children hold at one moment."""

    rss_mb: float
    handles: int
    threads: int

    @classmethod
    def of(cls, pid: int) -> Sample:
        rss = handles = threads = 0
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                rss, handles = rss + each.memory_info().rss, handles + each.num_fds()
                threads += each.num_threads()
        return cls(rss / 2**20, handles, threads)


@pytest.mark.full
@pytest.mark.lane("endurance")
@pytest.mark.timeout(40_000)
def test_endurance_stays_flat(pipeline: Pipeline, report: Report, seed: int) -> None:
    """10 images a second; memory, handles and threads of host and agent flat over the last half, give or take 5 %.

    Judged only where the machine keeps up, to within ten seconds; the report says by how much it was behind.
    """
    images = int(SECONDS * RATE)
    device = pipeline.simulate(images, seed, "soak", bad=images // 50, rate=RATE)
    samples: dict[str, list[Sample]] = {"host": [], "agent": []}
    while device.poll() is None:
        time.sleep(2)
        samples["host"].append(Sample.of(pipeline.host.pid))
        samples["agent"].append(Sample.of(pipeline.agent.pid))
    behind = images - sum(pipeline.api.counts().get(state, 0) for state in ENDED)
    balance, took = pipeline.drained(900, made=images, prefix="soak")
    figures = {part: _half_and_end(seen) for part, seen in samples.items()}
    shown = {part: [vars(each) for each in pair] for part, pair in figures.items()}
    report.balanced(
        balance, took, images, seconds=SECONDS, rate=RATE, behind_at_the_end=behind, half_time_and_end=shown
    )
    if behind > 10 * RATE:
        return  # the machine did not keep up: what waits takes its room, and flatness cannot be judged
    for part, (half, end) in figures.items():
        assert end.rss_mb <= half.rss_mb * 1.05 + 5, (part, half, end)
        assert end.handles <= half.handles * 1.05 + 10, (part, half, end)
        assert end.threads <= half.threads * 1.05 + 5, (part, half, end)


def _half_and_end(seen: list[Sample]) -> tuple[Sample, Sample]:
    """The medians of the tenth after half time and of the last tenth: a moment's work is no growth."""
    tenth = max(1, len(seen) // 10)
    middle = len(seen) // 2

    def typical(some: list[Sample]) -> Sample:
        return Sample(round(median(s.rss_mb for s in some), 1), int(median(s.handles for s in some)),
                      int(median(s.threads for s in some)))  # fmt: skip

    return typical(seen[middle : middle + tenth]), typical(seen[-tenth:])
