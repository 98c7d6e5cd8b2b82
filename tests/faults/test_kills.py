"""kill -9 of uploader, host and Azurite, at random, while images arrive."""

from __future__ import annotations

import random
import time

import pytest
from kit.pipeline import Pipeline, kill
from kit.report import Report

from local_stack.processes import is_listening
from local_stack.run import parts

PARTS = ("uploader", "host", "azurite")
# How often each part is killed, and for how many seconds at most it may work before. The uploader is last: its JVM
# needs ten seconds of processor time to start. Storage lives longest: without it the uploader only waits.
_QUICK = {"uploader": 4, "host": 8, "azurite": 8}, dict.fromkeys(PARTS, 1.5)
_FULL = {"uploader": 30, "host": 200, "azurite": 70}, {"uploader": 6.0, "host": 4.0, "azurite": 20.0}
_MORE = 100
DRAIN_SECONDS = {False: 120, True: 600}
_LOOK_SECONDS = 0.3
_PATIENCE_SECONDS = 90.0  # for a part to be at work, before it is killed all the same


class Killer:
    """Kills one part again and again: half of its lives end while it starts, half once it is at work.

    All killers take turns in one thread: the kernel ends a part when the thread that started it ends.
    """

    _waits_for_work: bool
    _next_look: float

    def __init__(self, pipeline: Pipeline, part: str, seed: int, times: int, longest_seconds: float) -> None:
        self._pipeline, self._part = pipeline, part
        self._chance = random.Random(f"{seed}/{part}")
        self._longest = longest_seconds
        self.left, self.at_work = times, 0
        self._next_life()

    def take_turn(self) -> None:
        """Kill, and start again at once, if it is time."""
        now = time.monotonic()
        if self._waits_for_work and now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            if self._is_at_work():
                self.at_work += 1
                self._waits_for_work = False
                self._due = now + self._chance.uniform(0, self._longest)
        if self.left and now >= self._due:
            self.left -= 1
            self._kill_and_start()
            self._next_life()

    def _next_life(self) -> None:
        self._waits_for_work = self._chance.random() < 0.5
        self._next_look = time.monotonic() + _LOOK_SECONDS
        patience = _PATIENCE_SECONDS if self._waits_for_work else self._chance.uniform(0, self._longest / 2)
        self._due = time.monotonic() + patience

    def _is_at_work(self) -> bool:
        if self._part == "uploader":
            return _has_uploaded(self._pipeline)
        if self._part == "host":
            return bool(self._pipeline.api.counts())
        return is_listening(self._pipeline.blob_port)

    def _kill_and_start(self) -> None:
        pipeline = self._pipeline
        if self._part == "azurite":
            kill(pipeline.azurite)
            pipeline.azurite.start()
        elif self._part == "host":
            kill(pipeline.host)
            pipeline.host.start()
        else:
            # Now and then its JVM and Python workers are left to find out by themselves.
            kill(pipeline.agent, whole_family=self._chance.random() < 0.5)
            pipeline.agent.start()


def _has_uploaded(pipeline: Pipeline) -> bool:
    """Not merely started: on a slow machine every life would end before its first upload."""
    status = parts.agent_status(pipeline.state)
    return status.get("pid") == pipeline.agent.pid and bool(
        status.get("uploaded") or status.get("already_there")
    )


@pytest.mark.lane("kills")
@pytest.mark.timeout(5400)
def test_random_kills_lose_nothing(pipeline: Pipeline, report: Report, seed: int, full: bool) -> None:
    """20 kills over 120 images, or 300 over 2,000; the parts are killed side by side, so also two at once."""
    images = 2_000 if full else 120
    kills, longest = _FULL if full else _QUICK
    rate = 2.5 if full else 8
    device = pipeline.simulate(images, seed, "kills", bad=images // 20, rate=rate)
    killers = {part: Killer(pipeline, part, seed, kills[part], longest[part]) for part in PARTS}
    started = time.monotonic()
    while any(killer.left for killer in killers.values()):
        for killer in killers.values():
            killer.take_turn()
        if device.poll() is not None:  # the kills take longer: without images they would prove nothing
            device = pipeline.simulate(_MORE, seed + images, "kills", rate=rate)
            images += _MORE
        time.sleep(0.02)
    seconds = time.monotonic() - started
    pipeline.ready()
    assert device.wait(1800) == 0
    balance, drain = pipeline.drained(DRAIN_SECONDS[full], made=images, prefix="kills")
    report.balanced(balance, drain, images, kills=kills, killing_seconds=round(seconds, 1),
                    killed_at_work={part: killer.at_work for part, killer in killers.items()})  # fmt: skip
