"""Which runs live, as the API tells it: by whichever process they were started, and whatever is away."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from function_app.models.codec import to_json
from function_app.models.runs import ImageVersion, RunRequest
from function_app.storage.journal_segments import JournalSegments
from function_app.workflow.live_runs.journal import JournalWriter
from function_app.workflow.resources import utc_now
from functions_host.testing import RunningApp
from tests.integration.function_app.app_kit import (
    Place,
    advance_the_app_s_clock,
    all_live,
    counts,
    grey,
    live,
    make_place,
    resources,
)

pytestmark = pytest.mark.azurite
IMAGES = 30


@pytest.fixture
def place(azurite: Any, tmp_path: Path) -> Iterator[Place]:
    place = make_place(azurite, tmp_path)
    yield place
    place.service.close()


def let_them_go_on(app: RunningApp) -> None:
    """The clock of the runs that wait for their next try."""
    app.advance(timedelta(seconds=120))


def upload(place: Place, first: int, last: int) -> None:
    for number in range(first, last):
        place.images.upload_blob(f"cam-{number % 2}/20260101T000000000000Z-{number:016x}.png", grey(number))


def test_a_burst_without_the_database_is_counted_run_by_run_with_its_cause_and_leaves_nothing_behind(
    place: Place,
) -> None:
    with place.app() as app:
        with place.without_database():
            upload(place, 0, IMAGES)
            app.wait_until(lambda: len(live(app, "retrying", "&limit=1000")) == IMAGES)
            told = live(app, "retrying", "&limit=1000")
            assert {run["cause"] for run in told} == {"store_unavailable: the database file cannot be opened"}
            assert len({run["run_id"] for run in told}) == IMAGES
            assert {run["device_id"] for run in live(app, "retrying", "&device=cam-1")} == {"cam-1"}
        assert counts(app) == {
            "scored": 0, "rejected": 0, "failed": 0, "waiting": 0, "running": 0, "retrying": IMAGES,
        }  # fmt: skip
        assert counts(app, "?device=cam-1")["retrying"] == IMAGES // 2
        app.wait_until(lambda: place.segments() != [])
        let_them_go_on(app)
        app.wait_until(lambda: counts(app)["scored"] == IMAGES)
        app.wait_until(lambda: all_live(app) == [])
        advance_the_app_s_clock(120)
        app.wait_until(lambda: counts(app)["running"] == 0 and place.segments() == [])


def test_starting_a_burst_makes_a_write_a_second_and_none_for_an_image(place: Place) -> None:
    with place.app() as app:
        segments = resources().live_runs._segments
        appended: list[int] = []
        append = segments.append

        def counting(name: str, lines: bytes) -> Any:
            appended.append(lines.count(b"\n"))
            return append(name, lines)

        segments.append = counting  # type: ignore[method-assign]
        begun = time.monotonic()
        upload(place, 0, 60)
        app.wait_until(lambda: counts(app)["scored"] == 60, 90)
        app.wait_until(lambda: sum(appended) == 60)
        assert len(appended) <= time.monotonic() - begun + 1, appended


def test_runs_of_another_process_are_told_within_two_seconds_of_its_write(place: Place) -> None:
    run = RunRequest("ab" * 16, ImageVersion(place.name, "elsewhere.png", "0x1", 5))

    async def another_process() -> None:
        journal = JournalWriter(JournalSegments(place.service, f"{place.name}-q"), utc_now)
        journal.add(run)
        while journal.pending:
            await asyncio.sleep(0.05)

    with place.app() as app, place.without_database():
        app.orchestrations.start("process_image", to_json(run), run.run_id)
        app.wait_until(lambda: app.get(f"/api/runs/{run.run_id}").json()["state"] == "retrying")
        assert live(app, "retrying") == [], "this process did not start it"
        asyncio.run(another_process())
        [told] = live(app, "retrying")
        assert (told["run_id"], told["blob_name"], told["step"]) == (
            run.run_id,
            "elsewhere.png",
            "reject_image",
        )


def test_a_process_that_dies_leaves_its_runs_in_the_list(place: Place) -> None:
    with place.app() as app, place.without_database():
        upload(place, 0, 3)
        app.wait_until(lambda: len(live(app, "retrying")) == 3)
        app.wait_until(lambda: not resources().live_runs._journal.pending)
    with place.app() as app, place.without_database():
        assert len(live(app, "retrying")) == 3


def test_a_process_that_dies_within_the_second_loses_its_last_starts_from_the_list_until_the_sweep(
    place: Place,
) -> None:
    with place.app() as app, place.without_database():
        journal = resources().live_runs._journal
        journal.wake = lambda: None
        upload(place, 0, 3)
        app.wait_until(lambda: len(live(app, "retrying")) == 3)
        assert len(journal.pending) == 3
        assert place.segments() == []
    with place.read_only_database(), place.app() as app:
        assert all_live(app) == []
        app.wait_until(lambda: app.get("/api/audit?grace=1s").json()["young"] == 0)
        report = app.post("/api/sweep?grace=1s").json()
        assert (report["live"], report["started"]) == (3, 0)
        assert len(all_live(app)) == 3
        app.post("/api/sweep?grace=1s")

        def noted() -> int:
            """A segment is made first and written then."""
            texts = [place.quarantine.download_blob(name).readall() for name in place.segments()]
            return b"".join(texts).count(b"\n")

        app.wait_until(lambda: noted() >= 3)
        assert noted() == 3, "the sweep notes nobody twice"


def test_a_replay_is_told_while_it_is_under_way(place: Place) -> None:
    with place.app() as app:
        place.images.upload_blob("cam-0/bad.png", b"this is no picture")
        app.wait_until(lambda: counts(app)["rejected"] == 1)
        [run] = app.get("/api/runs?state=rejected").json()["runs"]
        with place.read_only_database():
            assert app.post(f"/api/runs/{run['run_id']}/replay").status == 202
            app.wait_until(lambda: [run["attempt"] for run in all_live(app)] == [2])
        app.wait_until_idle()
        let_them_go_on(app)
        app.wait_until(lambda: all_live(app) == [])
        assert app.get(f"/api/runs/{run['run_id']}").json()["attempt"] == 2


def test_without_storage_the_known_runs_are_told_and_the_answer_says_how_old_it_is(place: Place) -> None:
    with place.app() as app:
        with place.without_database():
            upload(place, 0, 2)
            app.wait_until(lambda: len(live(app, "retrying")) == 2)
        before = app.get("/api/stats").json()["live_as_of"]

        def away(_: Any) -> Any:
            raise sys.modules["function_app.errors"].StorageUnavailable("away")

        resources().live_runs._segments.read = away
        assert counts(app)["retrying"] == 2
        for seconds in (2, 60):
            advance_the_app_s_clock(seconds)
            assert app.get("/api/stats").json()["live_as_of"] == before


def test_an_app_that_cannot_read_the_journal_counts_nobody_and_says_so(place: Place) -> None:
    with place.app() as app:
        of_the_app = sys.modules["function_app.storage.journal_segments"]
        resources().live_runs._segments = of_the_app.JournalSegments(
            BlobServiceClient("http://127.0.0.1:1/nobody", retry_total=0), "nowhere"
        )
        told = app.get("/api/stats").json()
        assert (told["counts"]["running"], told["counts"]["scored"], told["live_as_of"]) == (None, 0, None)
