"""Storage or database away, hanging, flapping, locked: everything drains by itself."""

from __future__ import annotations

import contextlib
import os
import time

import psutil
import pytest
from kit.locking import locked
from kit.pictures import grey_png
from kit.pipeline import Pipeline
from kit.proxy import Mode
from kit.report import Report

pytestmark = pytest.mark.lane("outages")
DRAIN_SECONDS = 180
LONG_SECONDS = int(os.environ.get("FAULTS_LONG_OUTAGE", "600"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.SILENT, Mode.DROP_REPLIES], ids=lambda mode: mode.value)
def test_storage_away_for_five_seconds(pipeline: Pipeline, report: Report, seed: int, mode: Mode) -> None:
    """Down, hanging, and every reply lost."""
    prefix = f"away-{mode.value}"
    with pipeline.agent_proxy.while_in(mode), pipeline.host_proxy.while_in(mode):
        device = pipeline.simulate(30, seed, prefix, bad=3)
        device.wait(60)
        time.sleep(5)
    balance, seconds = pipeline.drained(DRAIN_SECONDS, made=30, prefix=prefix)
    report.balanced(balance, seconds, 30, dropped_replies=pipeline.agent_proxy.dropped_replies)


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("what", ["storage", pytest.param("database", marks=pytest.mark.lane("pipeline"))])
def test_long_outage_with_runs_in_flight(pipeline: Pipeline, report: Report, seed: int, what: str) -> None:
    """Ten minutes, with runs on their way when it begins, which must not give up; 500 images come meanwhile."""
    prefix = f"long-{what}"
    with contextlib.ExitStack() as outage:
        if what == "database":
            outage.enter_context(locked(pipeline))
        pipeline.simulate(500, seed, prefix, bad=20, rate=50).wait(120)
        if what == "storage":
            pipeline.drained(0, prefix=prefix)
            for proxy in (pipeline.agent_proxy, pipeline.host_proxy):
                outage.enter_context(proxy.while_in(Mode.REFUSE))
        time.sleep(LONG_SECONDS)
        in_flight = sum(pipeline.api.counts().get(state, 0) for state in ("running", "retrying", "waiting"))
    balance, took = pipeline.drained(240, made=500, prefix=prefix)
    report.balanced(balance, took, 500, outage_seconds=LONG_SECONDS, runs_in_flight_at_its_end=in_flight)


@pytest.mark.full
@pytest.mark.timeout(600)
def test_ten_thousand_files_wait_for_storage_in_little_memory(
    pipeline: Pipeline, report: Report, seed: int
) -> None:
    """A minute without storage: the agent grows by at most 50 MB over 10,000 waiting files."""
    prefix = "minute"
    before = _family_rss(pipeline)
    picture = grey_png(seed)
    with pipeline.agent_proxy.while_in(Mode.REFUSE), pipeline.host_proxy.while_in(Mode.REFUSE):
        device = pipeline.simulate(200, seed, prefix, bad=10)
        # Ballast that no manifest names: it waits like all others, and is gone again before storage is back.
        ballast = [pipeline.state.inbox / f"ballast-{number:05d}.png" for number in range(10_000)]
        for path in ballast:
            path.write_bytes(picture)
        device.wait(60)
        time.sleep(60)
        grown = (_family_rss(pipeline) - before) / 2**20
        for path in ballast:
            path.unlink()
    balance, took = pipeline.drained(DRAIN_SECONDS, made=200, prefix=prefix)
    report.balanced(balance, took, 200, outage_seconds=60, waiting_files=10_200, rss_growth_mb=round(grown))
    assert grown <= 50


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_storage_that_flaps(pipeline: Pipeline, report: Report, seed: int) -> None:
    """2 s down, 2 s up, again and again while images arrive."""
    flapping = float(os.environ.get("FAULTS_FLAP_SECONDS", "300"))
    images = int(flapping * 2)
    device = pipeline.simulate(images, seed, "flap", bad=images // 20, rate=2)
    pipeline.agent_proxy.flap(flapping / 2)
    pipeline.host_proxy.flap(flapping / 2)
    device.wait(600)
    balance, took = pipeline.drained(300, made=images, prefix="flap")
    report.balanced(balance, took, images, flapping_seconds=flapping)


@pytest.mark.timeout(600)
def test_database_locked_by_another(pipeline: Pipeline, report: Report, seed: int, full: bool) -> None:
    """Nothing can be written; the API answers all the while and the rows come by themselves."""
    seconds = 60 if full else 5
    with locked(pipeline):
        pipeline.simulate(30, seed, "locked", bad=3).wait(60)
        time.sleep(seconds)
        code, _ = pipeline.api.get("runs", {"limit": "1"})
        assert code == 200
    balance, took = pipeline.drained(DRAIN_SECONDS, made=30, prefix="locked")
    report.balanced(balance, took, 30, locked_seconds=seconds)


@pytest.mark.full
@pytest.mark.timeout(600)
def test_database_absent_and_back(pipeline: Pipeline, report: Report, seed: int) -> None:
    """The host comes up without its database, answers health with 503, and catches up when it is back."""
    seconds = 60
    pipeline.host.stop()
    moved = list(pipeline.state.root.glob("results.db*"))
    away = pipeline.state.root / "away"
    away.mkdir()
    for path in moved:
        path.rename(away / path.name)
    pipeline.start_host()
    pipeline.simulate(20, seed, "absent").wait(60)
    time.sleep(seconds)
    code, body = pipeline.api.get("health")
    for path in moved:
        (away / path.name).rename(path)
    away.rmdir()
    assert code == 503, body
    balance, took = pipeline.drained(DRAIN_SECONDS, made=20, prefix="absent")
    report.balanced(balance, took, 20, absent_seconds=seconds)


def _family_rss(pipeline: Pipeline) -> int:
    """Resident bytes of the agent, its JVM and its Python workers, each page counted where it is (PSS)."""
    agent = psutil.Process(pipeline.agent.pid)
    total = 0
    for process in (agent, *agent.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            total += process.memory_full_info().pss
    return total
