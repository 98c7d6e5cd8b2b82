"""What an open dashboard makes Durable read, with a million finished histories: what lives, and nothing of them.

On Azure Storage the instances table has no index but the id: any question by filter would read all of it, every two
seconds. The embedded host counts those rows; its own index hides them from the eye.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from functions_host.durable.storing.schema import migrate
from functions_host.testing import RunningApp
from tests.integration.function_app.app_kit import (
    ROOT,
    Place,
    advance_the_app_s_clock,
    grey,
    live,
    make_place,
)

pytestmark = pytest.mark.azurite
HISTORIES, LIVING = 1_000_000, 25
MOST_ROWS_A_MINUTE = 10_000


@pytest.fixture
def place(azurite: Any, tmp_path: Path) -> Iterator[Place]:
    place = make_place(azurite, tmp_path)
    yield place
    place.service.close()


def fill(hub: Path, histories: int) -> None:
    """Finished instances, as fast as SQLite takes them."""
    hub.parent.mkdir(parents=True)
    with closing(sqlite3.connect(hub, isolation_level=None)) as database:
        migrate(database)
        database.execute("PRAGMA synchronous = OFF")
        database.execute("BEGIN")
        database.execute(
            """WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < ? - 1)
            INSERT INTO instance
            SELECT printf('%032x', n), 'e', 'process_image', '', 1, NULL, NULL, NULL,
                '2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:01.000000Z', NULL FROM numbers""",
            (histories,),
        )
        database.execute("COMMIT")


def script() -> str:
    """All modules of the page."""
    modules = sorted((ROOT / "function_app/dashboard/modules").glob("*.js"))
    return "\n".join(module.read_text(encoding="utf-8") for module in modules)


def milliseconds(name: str) -> int:
    found = re.search(rf"const {name} = ([0-9_]+);", script())
    assert found is not None
    return int(found[1])


class Dashboard:
    """The page's requests while images move: see ``askForRuns`` in overview.js, and refresh.js."""

    def __init__(self, app: RunningApp) -> None:
        self.app, self.counts = app, dict[str, int]()
        self.asked: list[str] = []

    def get(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        answer = self.app.get(f"/api/{path}")
        assert answer.status == 200, (path, answer.text)
        told: dict[str, Any] = answer.json()
        return told

    def refresh(self, state: str = "") -> list[dict[str, Any]]:
        every = ("running", "retrying", "waiting")
        if state:
            runs = [run for one in every for run in self.get(f"runs?state={one}&limit=50")["runs"]]
        else:
            moving = [one for one in every if self.counts.get(one, 0) > 0]
            runs = self.get("runs?limit=50")["runs"]
            runs += [run for one in moving for run in self.get(f"runs?state={one}&limit=20")["runs"]]
        self.counts = self.get("stats?window=1h")["counts"]
        return runs

    def look_at(self, run: dict[str, Any]) -> None:
        self.app.get(f"/api/runs/{run['run_id']}/image")


def test_an_open_dashboard_reads_what_lives_and_not_a_million_finished_histories(place: Place) -> None:
    fill(place.hub, HISTORIES)
    with place.app() as app:
        with place.without_database():
            for number in range(LIVING):
                place.images.upload_blob(f"cam-1/{number}.png", grey(number))
            app.wait_until(lambda: len(live(app, "retrying", "&limit=1000")) == LIVING)

        page, pace = Dashboard(app), milliseconds("BUSY_MS") // 1000
        before, seen = app.table_rows_read, dict[str, Any]()
        for second in range(0, 60, pace):
            advance_the_app_s_clock(pace)
            for run in page.refresh("running" if second >= 30 else ""):
                if run["run_id"] not in seen:  # the page keeps its pictures
                    page.look_at(seen.setdefault(run["run_id"], run))
            if second % (milliseconds("HEALTH_MS") // 1000) == 0:
                page.get("health")
        rows = app.table_rows_read - before

        assert page.counts["retrying"] == LIVING, "all of them were told all the while"
        assert len(seen) == LIVING
        assert LIVING <= rows < MOST_ROWS_A_MINUTE
        assert rows <= LIVING * (60 // pace + 2), "each living run once a renewal and once for its picture"

        before = app.table_rows_read
        listed = app.request(
            "GET", "/runtime/webhooks/durabletask/instances?runtimeStatus=Running,Pending"
        )  # as the dashboard once asked
        assert len(listed.json()) == LIVING
        assert app.table_rows_read - before == HISTORIES + LIVING


def test_the_page_asks_as_this_test_does() -> None:
    """Whoever changes what the page asks, or how often, changes it above too."""
    asked = set(re.findall(r"\b(?:json|ask)\([`\"]([a-z/]+)", script()))
    assert asked == {"stats", "runs", "runs/", "runs/replay", "images/", "health"}
    assert "getRuns({ state: one, device, limit })" in script()
    assert "states.map((one) => ofState(one, PAGE))" in script()
    assert "moving().map((one) => ofState(one, LIVE_ROWS))" in script()
    paces = (
        milliseconds("BUSY_MS"),
        milliseconds("HEALTH_MS"),
        milliseconds("PAGE"),
        milliseconds("LIVE_ROWS"),
    )
    assert paces == (2000, 30000, 50, 20)
