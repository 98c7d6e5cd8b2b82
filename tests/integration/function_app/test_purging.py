"""Old histories are purged by the ids of the rows: bit by bit, from where the last purge stopped, never a live run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from function_app.maintenance import purge
from function_app.maintenance.purge import PurgeReport, purge_before, timed_purge
from function_app.models.runs import Outcome, RunRecord
from function_app.results.sqlite.database import open_sqlite_store
from function_app.settings import Settings, StorageSettings
from function_app.storage.blobs import ImageBlobs, connect
from function_app.workflow.live_runs.durable_status import DurableUnavailable
from function_app.workflow.resources import Resources
from tests.integration.function_app.app_kit import (
    Place,
    all_live,
    counts,
    grey,
    make_place,
)

pytestmark = pytest.mark.azurite
NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)
MONTH = timedelta(days=30)


@pytest.fixture
def place(azurite: Any, tmp_path: Path) -> Iterator[Place]:
    place = make_place(azurite, tmp_path)
    yield place
    place.service.close()


class Durable:
    """As the host behaves: it purges by id what has ended and refuses what lives (412, which the SDK raises)."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.asked: list[str] = []
        self.away = self.refuses = False
        self.broken = ""  # an ended instance whose history the host fails to delete

    async def purge_instance_history(self, run_id: str) -> Any:
        self.asked.append(run_id)
        if (
            self.away
            or self.refuses
            or run_id == self.broken
            or self.status.get(run_id) in ("Running", "Suspended")
        ):
            raise Exception("The operation failed with an unexpected status code 412")
        return SimpleNamespace(instances_deleted=int(self.status.pop(run_id, None) is not None))

    async def get_status(self, run_id: str, **_: object) -> Any:
        if self.away:
            raise Exception("away")
        from azure.durable_functions import OrchestrationRuntimeStatus

        return SimpleNamespace(
            instance_id=run_id, runtime_status=OrchestrationRuntimeStatus[self.status[run_id]], input_=None,
            created_time=NOW, last_updated_time=NOW, custom_status=None, output=None,
        )  # fmt: skip


class World:
    """Books with a row a minute up to ``newest``, and a Durable that knows them all."""

    def __init__(self, place: Place) -> None:
        self.now, self.durable = NOW, Durable()
        self.place = place
        self.committing = NOW
        self.store = open_sqlite_store(str(place.database), lambda: self.committing)
        self.questions = 0
        self.rows: list[str] = []

    def process(self) -> Resources:
        """A process of its own; only storage and database are shared."""
        storage = StorageSettings(self.place.storage)
        blobs = ImageBlobs(connect(storage), self.place.name, f"{self.place.name}-q", 1_000)
        use = Resources(Settings(storage, "unused"), blobs, lambda: self.store, lambda: self.now)
        in_order = self.store.in_order

        def counted(*args: Any) -> Any:
            self.questions += 1
            return in_order(*args)

        self.store.in_order = counted  # type: ignore[method-assign, assignment]
        return use

    def commit(self, number: int, age: timedelta, status: str = "Completed") -> str:
        self.committing = NOW - age
        run_id = f"{number:032x}"
        self.store.record_rejected(
            RunRecord(run_id, "img", f"{number}.png", "0x1", 1, Outcome.REJECTED, 1, NOW, reason="empty")
        )
        self.durable.status[run_id] = status
        return run_id


@pytest.fixture
def world(place: Place) -> Iterator[World]:
    world = World(place)
    yield world
    world.store.close()


async def test_what_is_older_than_the_retention_goes_and_the_rest_stays(world: World) -> None:
    old = [world.commit(number, MONTH + timedelta(minutes=9 - number)) for number in range(5)]
    young = [world.commit(number, MONTH - timedelta(minutes=number)) for number in range(5, 9)]
    assert await timed_purge(world.durable, world.process()) == PurgeReport(5, True)
    assert list(world.durable.status) == young
    assert set(world.durable.asked) == set(old), "nobody else was touched"
    assert world.store.counts().total == 9


@pytest.mark.parametrize("days", [999_999, 10**12])
async def test_a_retention_longer_than_the_calendar_keeps_everything(world: World, days: int) -> None:
    world.commit(1, timedelta(days=9_000))
    use = world.process()
    use = replace(use, settings=replace(use.settings, retention_days=days))
    for _ in range(2):  # the second finds a position, whose next date it reckons
        assert await timed_purge(world.durable, use) == PurgeReport(0, True)
        world.now += timedelta(days=1)
    assert world.durable.asked == []


async def test_a_slice_ends_by_time_and_the_next_process_goes_on_where_it_stopped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "_PAGE", 3)
    for number in range(8):
        world.commit(number, 2 * MONTH - timedelta(minutes=number))
    purge_one = world.durable.purge_instance_history

    async def slow(run_id: str) -> Any:
        world.now += timedelta(seconds=25)
        return await purge_one(run_id)

    world.durable.purge_instance_history = slow  # type: ignore[method-assign, assignment]
    reports = [await timed_purge(world.durable, world.process()) for _ in range(3)]
    assert reports == [PurgeReport(3, False), PurgeReport(3, False), PurgeReport(2, True)]
    assert world.durable.asked == [f"{number:032x}" for number in range(8)], "everybody once, oldest first"


async def test_a_purge_that_breaks_off_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "_PAGE", 3)
    for number in range(8):
        world.commit(number, 2 * MONTH - timedelta(minutes=number))
    for trouble in ("away", "refuses"):
        setattr(world.durable, trouble, True)
        with pytest.raises(DurableUnavailable):
            await timed_purge(world.durable, world.process())
        setattr(world.durable, trouble, False)
    assert await timed_purge(world.durable, world.process()) == PurgeReport(8, True)
    assert world.durable.status == {}


async def test_one_history_that_cannot_be_purged_keeps_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "_PAGE", 3)
    for number in range(8):
        world.commit(number, 2 * MONTH - timedelta(minutes=number))
    world.durable.broken = f"{4:032x}"
    assert await timed_purge(world.durable, world.process()) == PurgeReport(7, True, (world.durable.broken,))
    assert list(world.durable.status) == [world.durable.broken]


@pytest.mark.parametrize("status", ["Running", "Suspended"])
async def test_a_live_run_is_never_purged_although_its_row_is_old(world: World, status: str) -> None:
    """A replay: the row of its first attempt is as old as it was."""
    world.commit(0, 2 * MONTH)
    live_id = world.commit(1, 2 * MONTH, status)
    world.commit(2, 2 * MONTH)
    assert await timed_purge(world.durable, world.process()) == PurgeReport(2, True)
    assert world.durable.status == {live_id: status}


async def test_again_there_is_nothing_to_purge(world: World) -> None:
    for number in range(3):
        world.commit(number, MONTH)
    until = world.now
    assert (await purge_before(world.durable, world.process(), until)).purged == 3
    assert await purge_before(world.durable, world.process(), until) == PurgeReport(0, True)


async def test_after_a_pass_the_books_are_left_asleep_until_something_is_old_enough(world: World) -> None:
    world.commit(0, MONTH + timedelta(days=1))
    world.commit(1, MONTH - timedelta(days=9))
    await timed_purge(world.durable, world.process())
    asked = world.questions
    for _ in range(8):
        world.now += timedelta(days=1)
        assert await timed_purge(world.durable, world.process()) == PurgeReport()
    assert world.questions == asked
    world.now += timedelta(days=1, minutes=1)
    assert (await timed_purge(world.durable, world.process())).purged == 1


async def test_a_shorter_span_by_hand_does_not_keep_the_timer_from_what_comes_after(world: World) -> None:
    for number in range(3):
        world.commit(number, timedelta(days=2) - timedelta(minutes=number))
    use = world.process()
    assert (await purge_before(world.durable, use, NOW - timedelta(days=1))).purged == 3
    late = world.commit(9, timedelta(hours=1))
    world.now += timedelta(days=2)
    assert await timed_purge(world.durable, use) == PurgeReport()
    world.now += MONTH + timedelta(minutes=1)
    assert (await timed_purge(world.durable, use)).purged == 1
    assert world.durable.asked[-1] == late


def test_an_operator_s_purge_forgets_the_steps_of_what_ended_and_leaves_rows_and_living_runs(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the host itself, through the API."""
    with place.app() as app:
        for number in range(4):
            place.images.upload_blob(f"cam-1/{number}.png", grey(number))
        place.images.upload_blob("cam-1/bad.png", b"this is no picture")
        app.wait_until(lambda: (counts(app)["scored"], counts(app)["rejected"]) == (4, 1))
        app.wait_until_idle()
        run_ids = [run["run_id"] for run in app.get("/api/runs").json()["runs"]]
        [bad] = [run["run_id"] for run in app.get("/api/runs?state=rejected").json()["runs"]]
        with place.read_only_database():
            assert app.post(f"/api/runs/{bad}/replay").status == 202
            app.wait_until(lambda: len(all_live(app)) == 1)
            module = sys.modules["function_app.maintenance.purge"]
            monkeypatch.setattr(module, "_PAGE", 2)
            monkeypatch.setattr(module, "BUDGET", timedelta(0))
            until = sys.modules["function_app.workflow.resources"].utc_now() + timedelta(seconds=1)
            app.wait_until(lambda: sys.modules["function_app.workflow.resources"].utc_now() > until)
            told = [app.post("/api/purge?older_than=1s").json() for _ in range(3)]
            assert [one["complete"] for one in told] == [False, False, True]
            assert sum(one["purged"] for one in told) == 4
            assert app.orchestrations.status(bad) is not None
        gone = [app.orchestrations.status(run_id) is None for run_id in run_ids]
        assert gone == [run_id != bad for run_id in run_ids]
        assert sorted(run["run_id"] for run in app.get("/api/runs").json()["runs"]) == sorted(run_ids)


def test_the_timers_of_sweep_and_purge_do_their_work(place: Place) -> None:
    with place.app() as app:
        place.images.upload_blob("cam-1/0.png", grey(1))
        app.wait_until(lambda: counts(app)["scored"] == 1)
        app.wait_until_idle()
        app.advance(timedelta(days=366))
        for name in ("purge_finished", "sweep_blobs"):
            word = f"function={name} "
            app.wait_until(lambda word=word: any(word in one for one in app.invocation_log))  # type: ignore[misc]
            assert all("succeeded" in one for one in app.invocation_log if word in one)
        [run] = app.get("/api/runs").json()["runs"]
        assert app.orchestrations.status(run["run_id"]) is not None, "younger than RETENTION_DAYS"
