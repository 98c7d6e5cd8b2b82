"""Files whose chunks were moved, cut, renamed and multiplied: both readers give what the builder of the file knows."""

from __future__ import annotations

import resource
import time
from collections import Counter

import pytest
from kit.chunk_mutants import MutantMaker
from kit.report import Report

from function_app.images.image import Unreadable, read_image
from function_app.scoring.scorers import pixel_sum
from function_app.settings import ImageLimits
from local_stack.reconcile.second_reader import expected_sum

LIMITS = ImageLimits()
SLOW_SECONDS = 0.2
MOST_MEGABYTES = 30


@pytest.mark.timeout(3600)
def test_no_change_of_chunks_makes_a_wrong_sum_or_two_opinions(report: Report, seed: int, full: bool) -> None:
    """100,000 of them at full scale. Seconds are of the processor: what else runs here does not count."""
    count = 100_000 if full else 4_000
    maker = MutantMaker(seed)
    verdicts: Counter[str] = Counter()
    wrong: list[str] = []
    slowest = {"app": 0.0, "audit": 0.0}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(count):
        mutant = maker.make()
        started = time.thread_time()
        read = read_image(mutant.content, LIMITS)
        between = time.thread_time()
        second = expected_sum(mutant.content)
        slowest["app"] = max(slowest["app"], between - started)
        slowest["audit"] = max(slowest["audit"], time.thread_time() - between)
        first = None if isinstance(read, Unreadable) else int(pixel_sum(read))
        verdicts[read.reason if isinstance(read, Unreadable) else "scored"] += 1
        if not first == second == mutant.sum:
            wrong.append(f"app {first}, audit {second}, right {mutant.sum}: {mutant.story}")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    notes = {"slowest": slowest, "rss_growth_mb": round(grown), "verdicts": dict(verdicts)}
    slow = int(max(slowest.values()) >= SLOW_SECONDS)
    report.zeros(
        report.figures(wrong=len(wrong), stuck=slow, images=count, notes=notes), "\n".join(wrong[:10])
    )
    assert grown < MOST_MEGABYTES
    # All came to pass, and often: a maker of nothing but rubbish would prove nothing.
    assert min(verdicts[name] for name in ("scored", "damaged")) > count / 5
    others = ("animated", "transparent", "truncated", "trailing_data", "unsupported_mode", "wrong_size")
    assert min(verdicts[name] for name in others) > count / 400
