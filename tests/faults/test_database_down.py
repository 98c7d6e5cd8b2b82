"""The database is down in the middle of the flow; runs say that they retry and why; nothing is lost.

On a live T-SQL engine through a proxy that cuts it off, for ten seconds or (full) a minute; at full scale also on
SQLite, whose file another process locks for a minute. The quick SQLite version, in virtual time, is
tests/integration/function_app/test_database_outage.py.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from kit.pipeline import Pipeline, pipeline_up
from kit.proxy import Mode, Proxy
from kit.report import Report

from local_stack.errors import StackError
from local_stack.processes import free_ports, wait_until

IMAGES, BAD = 120, 6


@contextmanager
def flow(pipeline: Pipeline, seed: int, prefix: str, seconds: float) -> Iterator[None]:
    """Images that arrive before, during and after ``seconds`` of outage; it begins once five are scored."""
    device = pipeline.simulate(IMAGES, seed, prefix, bad=BAD, rate=IMAGES / (seconds + 20))
    assert wait_until(lambda: pipeline.api.counts().get("scored", 0) >= 5, 90)
    yield
    assert device.wait(120) == 0


def told_while_down(pipeline: Pipeline, seconds: float) -> dict[str, Any]:
    """What the API says of retrying runs while the database is away, asked every half second."""
    causes: set[str] = set()
    most, slowest, unanswered, without_next = 0, 0.0, 0, 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        asked = time.monotonic()
        try:
            code, page = pipeline.api.get("runs", {"state": "retrying"})
        except StackError:
            code, page = 0, {}
        slowest = max(slowest, time.monotonic() - asked)
        unanswered += code != 200
        runs = page.get("runs", [])
        most = max(most, len(runs))
        causes |= {run["cause"] for run in runs}
        without_next += sum(run["next_try_at"] is None for run in runs)
        time.sleep(0.5)
    return {"retrying_at_most": most, "causes": sorted(causes), "unanswered": unanswered,
            "slowest_answer_seconds": round(slowest, 2), "without_next_attempt": without_next}  # fmt: skip


def _health(pipeline: Pipeline) -> int:
    """The status code of the health check, 0 if it did not answer in time."""
    try:
        return pipeline.api.get("health")[0]
    except StackError:
        return 0


def demand(told: dict[str, Any], cause: str) -> None:
    assert told["retrying_at_most"] > 0, told
    assert told["causes"], told
    assert all(cause in each for each in told["causes"]), told
    assert (told["unanswered"], told["without_next_attempt"]) == (0, 0), told


@pytest.fixture
def proxied(new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before an empty live database, which SQL_CONNECTION_STRING then names."""
    from database_connection.connection_string import parse, write

    pairs = parse(new_database())
    host, _, port = pairs["server"].removeprefix("tcp:").partition(",")
    (own,) = free_ports(1)
    changed = pairs | {"server": f"127.0.0.1,{own}"}
    monkeypatch.setenv("SQL_CONNECTION_STRING", write(changed))
    with Proxy(own, int(port or 1433), host) as proxy:
        yield proxy


@pytest.mark.live_sql
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", [Mode.REFUSE, Mode.SILENT], ids=lambda mode: mode.value)
def test_live_database_down_in_the_middle(
    proxied: Proxy, tmp_path: Path, report: Report, seed: int, full: bool, mode: Mode
) -> None:
    seconds = 60 if full else 10
    with pipeline_up(tmp_path, seed) as pipeline:
        with flow(pipeline, seed, "down", seconds), proxied.while_in(mode):
            told = told_while_down(pipeline, seconds)
            health = _health(pipeline)
        balance, took = pipeline.drained(240, made=IMAGES, prefix="down")
        report.balanced(balance, took, IMAGES, outage_seconds=seconds, health=health, **told)
    assert (balance.scored, balance.rejected) == (IMAGES - BAD, BAD)
    assert health != 200
    demand(told, "store_")


@pytest.mark.full
@pytest.mark.timeout(900)
def test_sqlite_database_locked_for_a_minute(tmp_path: Path, report: Report, seed: int) -> None:
    with pipeline_up(tmp_path, seed) as pipeline:
        with (
            flow(pipeline, seed, "locked-out", 60),
            closing(sqlite3.connect(pipeline.state.database, isolation_level=None, timeout=30)) as blocker,
        ):
            blocker.execute("BEGIN IMMEDIATE")
            told = told_while_down(pipeline, 60)
            blocker.execute("ROLLBACK")
        balance, took = pipeline.drained(240, made=IMAGES, prefix="locked-out")
        report.balanced(balance, took, IMAGES, outage_seconds=60, **told)
    assert (balance.scored, balance.rejected) == (IMAGES - BAD, BAD)
    demand(told, "store_unavailable: the database is locked by another writer")
