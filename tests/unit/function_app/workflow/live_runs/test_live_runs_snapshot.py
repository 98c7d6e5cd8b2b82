"""Which runs are live, by journal, store and Durable together, at a cost that depends on the live runs alone."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from function_app.errors import StorageUnavailable
from function_app.models.codec import to_json
from function_app.models.runs import FailedTry, Progress, RunRequest
from function_app.workflow.live_runs.durable_status import DurableUnavailable, State
from function_app.workflow.live_runs.journal import JournalEntry, to_lines
from function_app.workflow.live_runs.listing import POINT_READS_A_MINUTE, LiveRuns
from tests.unit.function_app.workflow.live_runs.journal_kit import (
    NOW,
    Clock,
    Durable,
    Segments,
    Store,
    run_request,
)


class World:
    """A process that reads what others wrote."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.segments, self.store, self.durable = Segments(self.clock), Store(), Durable()
        self.live_runs = self.process()

    def process(self) -> LiveRuns:
        return LiveRuns(self.segments, lambda ids: self.store.known_run_ids(ids), self.clock)  # type: ignore[arg-type]

    def started_elsewhere(
        self, *runs: RunRequest, segment: str = "live/other", status: str = "Running"
    ) -> None:
        lines = to_lines([JournalEntry(self.clock(), run) for run in runs])
        self.segments.blobs[segment] = self.segments.blobs.get(segment, b"") + lines
        self.segments.changed[segment] = self.clock()
        self.durable.status |= dict.fromkeys((run.run_id for run in runs), status)

    async def states(self, live_runs: LiveRuns | None = None) -> dict[str, State]:
        answer = await (live_runs or self.live_runs).snapshot(self.durable)
        return {run.run_id: run.state for run in answer.runs}

    def later(self, seconds: float = 2) -> None:
        self.clock.advance(seconds)


@pytest.fixture
def world() -> World:
    return World()


RUNS = [run_request(number) for number in range(5)]
IDS = [run.run_id for run in RUNS]


async def test_runs_that_another_process_started_have_their_state(world: World) -> None:
    world.started_elsewhere(*RUNS[:3])
    world.durable.status[IDS[1]] = "Pending"
    failed = FailedTry("save_result", 1, NOW, "store_unavailable: locked")
    world.durable.progress[IDS[2]] = to_json(Progress("save_result", (failed,), 1, NOW))
    assert await world.states() == {
        IDS[0]: State.RUNNING, IDS[1]: State.WAITING, IDS[2]: State.RETRYING,
    }  # fmt: skip
    [told] = [run for run in (await world.live_runs.snapshot(world.durable)).runs if run.run_id == IDS[2]]
    assert (told.request, told.progress and told.progress.failures) == (RUNS[2], (failed,))


async def test_a_run_is_live_until_its_row_is_stored(world: World) -> None:
    world.started_elsewhere(*RUNS[:2])
    world.store.rows = {IDS[0]}
    assert set(await world.states()) == {IDS[1]}
    world.store.rows |= {IDS[1]}
    world.later()
    assert await world.states() == {}


@pytest.mark.parametrize("status", ["Completed", "Failed", "Terminated"])
async def test_a_run_that_ended_without_a_row_is_not_live(world: World, status: str) -> None:
    world.started_elsewhere(RUNS[0], status=status)
    assert await world.states() == {}


async def test_a_replay_is_live_although_the_row_of_its_first_attempt_is_stored(world: World) -> None:
    replay = run_request(0, attempt=2)
    world.store.rows = {replay.run_id}
    world.started_elsewhere(replay)
    assert await world.states() == {replay.run_id: State.RUNNING}
    world.durable.status[replay.run_id] = "Completed"
    world.later()
    assert await world.states() == {}


async def test_a_run_that_is_started_again_is_live_again(world: World) -> None:
    world.started_elsewhere(RUNS[0], RUNS[1])
    world.durable.status[IDS[0]] = "Completed"
    assert set(await world.states()) == {IDS[1]}
    world.later()
    world.started_elsewhere(RUNS[0], segment="live/sweep")
    assert set(await world.states()) == {IDS[0], IDS[1]}


async def test_this_process_s_own_runs_are_live_before_their_entries_are_written(world: World) -> None:
    world.durable.status[IDS[0]] = "Pending"
    world.live_runs.add(RUNS[0])
    assert await world.states() == {IDS[0]: State.WAITING}
    assert "append" not in world.segments.requests


async def test_an_own_run_that_ended_is_not_asked_about_again_while_it_waits_to_be_written(
    world: World,
) -> None:
    """A database that sleeps would be woken by each sweep otherwise."""
    world.segments.away = True
    world.live_runs._read_at = NOW  # storage went away after the journal was read
    for run in RUNS[:2]:
        world.live_runs.add(run)
        world.store.rows.add(run.run_id)
        world.later()
        assert await world.states() == {}
    world.later()
    await world.states()
    assert (len(world.live_runs._journal.pending), world.store.asked) == (2, 2)


async def test_a_run_in_the_journal_of_two_processes_counts_once(world: World) -> None:
    world.started_elsewhere(RUNS[0])
    world.later(1)
    world.started_elsewhere(RUNS[0], segment="live/sweep")
    answer = await world.live_runs.snapshot(world.durable)
    assert [run.run_id for run in answer.runs] == [IDS[0]]


async def test_without_the_store_durable_alone_says_which_runs_are_live(world: World) -> None:
    world.started_elsewhere(*RUNS)
    world.durable.status[IDS[0]] = "Completed"
    world.store.away = True
    assert set(await world.states()) == set(IDS[1:])


async def test_without_durable_it_is_unknown_which_runs_are_live(world: World) -> None:
    world.started_elsewhere(*RUNS)
    world.durable.away = True
    with pytest.raises(DurableUnavailable):
        await world.live_runs.snapshot(world.durable)


async def test_without_storage_the_known_runs_are_listed_with_their_age(world: World) -> None:
    world.segments.away = True
    with pytest.raises(StorageUnavailable):
        await world.live_runs.snapshot(world.durable)
    world.segments.away = False
    world.started_elsewhere(RUNS[0], RUNS[1])
    await world.live_runs.snapshot(world.durable)
    read_at = world.clock()
    world.segments.away = True
    world.later(30)
    world.store.rows = {IDS[1]}
    answer = await world.live_runs.snapshot(world.durable)
    assert [run.run_id for run in answer.runs] == [IDS[0]]
    assert answer.as_of == read_at


async def test_callers_within_a_second_share_one_snapshot(world: World) -> None:
    world.started_elsewhere(*RUNS)
    answers = await asyncio.gather(*(world.live_runs.snapshot(world.durable) for _ in range(5)))
    assert (len(world.durable.asked), world.segments.requests) == (5, ["list", "read"])
    world.later(0.9)
    assert await world.live_runs.snapshot(world.durable) is answers[0]
    world.later(0.2)
    assert await world.live_runs.snapshot(world.durable) is not answers[0]
    assert world.segments.requests == ["list", "read", "list"]


async def test_a_clock_that_is_set_back_does_not_freeze_the_answer(world: World) -> None:
    await world.states()
    world.clock.advance(-3600)
    world.started_elsewhere(RUNS[0])
    assert set(await world.states()) == {IDS[0]}


async def test_a_caller_that_goes_away_does_not_take_the_others_answer_along(world: World) -> None:
    world.started_elsewhere(RUNS[0])
    first = asyncio.create_task(world.live_runs.snapshot(world.durable))
    second = asyncio.create_task(world.live_runs.snapshot(world.durable))
    await asyncio.sleep(0)
    first.cancel()
    assert len((await second).runs) == 1


async def test_ten_thousand_live_runs_are_counted_at_once_and_asked_about_at_a_bounded_pace(
    world: World,
) -> None:
    runs = [run_request(number) for number in range(10_000)]
    world.started_elsewhere(*runs, status="Running")
    assert len(await world.states()) == 10_000
    begun, asked = world.clock(), len(world.durable.asked)
    for _ in range(30):
        world.later()
        answer = await world.live_runs.snapshot(world.durable)
        assert len(answer.runs) == 10_000
    assert len(world.durable.asked) - asked <= POINT_READS_A_MINUTE
    assert len(set(world.durable.asked)) == len(world.durable.asked), "nobody twice before everybody once"
    assert answer.as_of == begun  # some were only noted, then
    for _ in range(180):
        world.later()
        answer = await world.live_runs.snapshot(world.durable)
    assert len(set(world.durable.asked)) == 10_000
    assert (world.clock() - answer.as_of).total_seconds() <= 60 * 10_000 / POINT_READS_A_MINUTE + 2


async def test_what_ended_long_ago_is_looked_up_once_and_never_asked_about(world: World) -> None:
    runs = [run_request(number) for number in range(3_000)]
    world.started_elsewhere(*runs, status="Completed")
    world.store.rows = {run.run_id for run in runs}
    assert await world.states() == {}
    world.later()
    assert await world.states() == {}
    assert (world.store.asked, world.durable.asked) == (3_000, [])


async def test_a_segment_goes_once_all_its_runs_have_ended_and_not_before(world: World) -> None:
    world.started_elsewhere(RUNS[0], segment="live/a")
    world.started_elsewhere(RUNS[1], segment="live/b")
    world.later(120)
    world.store.rows = {IDS[0]}
    await world.states()
    assert set(world.segments.blobs) == {"live/b"}
    world.durable.status[IDS[1]] = "Terminated"
    world.later()
    await world.states()
    assert world.segments.blobs == {}


async def test_a_segment_that_may_be_written_on_is_left_alone(world: World) -> None:
    world.started_elsewhere(RUNS[0])
    world.store.rows = {IDS[0]}
    world.later(30)
    await world.states()
    assert set(world.segments.blobs) == {"live/other"}


async def test_a_segment_that_grew_meanwhile_is_not_deleted(world: World) -> None:
    world.started_elsewhere(RUNS[0])
    world.store.rows = {IDS[0]}
    world.later(120)
    listed = world.segments.read({}).segments[0]
    world.started_elsewhere(RUNS[1])
    world.segments.delete(listed)
    assert set(await world.states()) == {IDS[1]}


async def test_a_run_whose_segment_another_process_cleared_away_has_ended(world: World) -> None:
    world.started_elsewhere(RUNS[0])
    assert set(await world.states()) == {IDS[0]}
    world.segments.blobs.clear()
    world.later()
    assert await world.states() == {}


async def test_the_sweep_adds_the_runs_whose_journal_entry_was_lost_in_a_crash(world: World) -> None:
    world.started_elsewhere(RUNS[0])
    world.durable.status[IDS[1]] = "Running"  # started by a process that died within the second
    sweeper = world.process()
    await sweeper.add_missing(world.durable, [RUNS[0], RUNS[1]])
    assert [noted.run for noted in sweeper._journal.pending] == [RUNS[1]]
    await sweeper.add_missing(world.durable, [RUNS[0], RUNS[1]])
    assert len(sweeper._journal.pending) == 1
    world.later()
    assert set(await world.states(sweeper)) == {IDS[0], IDS[1]}


async def test_a_sweep_that_cannot_read_the_journal_adds_no_run_twice(world: World) -> None:
    world.started_elsewhere(RUNS[0])
    world.segments.away = True
    await world.live_runs.add_missing(world.durable, [RUNS[0]])
    assert world.live_runs._journal.pending == ()


async def test_a_store_that_hangs_keeps_nobody_waiting(world: World, monkeypatch: Any) -> None:
    """A silent database server: the first answer waits two seconds for it, the next ones not at all."""
    import threading
    import time

    from function_app.workflow.live_runs import listing as module

    monkeypatch.setattr(module, "_PATIENCE", 0.2)
    released = threading.Event()
    world.store.known_run_ids = lambda ids: released.wait(10) and set(ids)  # type: ignore[assignment, return-value]
    world.started_elsewhere(*RUNS)
    began = time.monotonic()
    for _ in range(5):
        assert set(await world.states()) == set(IDS)
        world.later()
    assert time.monotonic() - began < 1
    released.set()
    while set(await world.states()):
        world.later()
        await asyncio.sleep(0.01)


async def test_lines_of_another_version_of_the_app_are_logged_and_cost_no_other_line(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.segments.blobs["live/other"] = b'{"of": "another version"}\n'
    world.started_elsewhere(RUNS[0])
    assert set(await world.states()) == {IDS[0]}
    assert [record.message for record in caplog.records] == [
        "1 lines of the journal's segment live/other cannot be read"
    ]


async def test_a_segment_of_another_version_is_left_to_that_version_for_a_day(world: World) -> None:
    """While a deployment rolls on, both versions read the same journal."""
    world.segments.blobs["live/other"] = b'{"of": "another version"}\n'
    world.segments.changed["live/other"] = world.clock()
    for hours in (0.01, 1, 22):
        world.later(3600 * hours)
        await world.states()
        assert "live/other" in world.segments.blobs
    world.later(2 * 3600)
    await world.states()
    assert "live/other" not in world.segments.blobs
