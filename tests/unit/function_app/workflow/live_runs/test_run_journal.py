"""Writing the journal: at most once a second, out of everybody's way, and whatever storage does."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from function_app.errors import Superseded
from function_app.workflow.live_runs.journal import (
    RUNS_IN_A_SEGMENT,
    SECONDS_AFTER_A_FAILURE,
    SECONDS_BETWEEN_WRITES,
    WRITES_TO_A_SEGMENT,
    JournalEntry,
    JournalWriter,
    from_lines,
    to_lines,
)
from tests.unit.function_app.workflow.live_runs.journal_kit import NOW, Clock, Segments, run_request


class Time:
    """Sleeps end when the test says so."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._over = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self._over.wait()
        self._over.clear()

    async def passes(self, journal: JournalWriter) -> None:
        """One sleep ends, and what follows it is done: the next one has begun, or the task has ended."""
        before = len(self.slept)
        self._over.set()
        while len(self.slept) == before and journal._writing is not None and not journal._writing.done():
            await asyncio.sleep(0.001)


@pytest.fixture
def segments() -> Segments:
    return Segments(Clock())


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
async def journal(segments: Segments, time: Time) -> JournalWriter:
    return JournalWriter(segments, segments.clock, time.sleep)  # type: ignore[arg-type]


def written(segments: Segments) -> list[JournalEntry]:
    return [noted for lines in segments.blobs.values() for noted in from_lines(lines)]


def test_a_note_comes_back_as_it_was_whatever_the_name():
    notes = [JournalEntry(NOW, run_request(1)), JournalEntry(NOW, run_request(2, attempt=3, device=None))]
    lines = to_lines(notes)
    assert lines.count(b"\n") == 2
    assert from_lines(lines) == notes


@pytest.mark.parametrize("line", [b"{", b"[]", b'"x"', b"{}", b'{"at":1,"run":{}}', b"\xff\xfe"])
def test_a_line_that_is_no_note_costs_nobody_else_s(line: bytes) -> None:
    lines = to_lines([JournalEntry(NOW, run_request(1))])
    assert from_lines(line + b"\n" + lines) == [JournalEntry(NOW, run_request(1))]


async def test_a_burst_is_one_write_a_second_and_none_before_it(
    journal: JournalWriter, segments: Segments, time: Time
) -> None:
    for number in range(200):
        journal.add(run_request(number))
    await asyncio.sleep(0)
    assert segments.requests == []
    await time.passes(journal)
    assert segments.requests == ["create", "append"]
    journal.add(run_request(200))
    await time.passes(journal)
    assert segments.requests == ["create", "append", "append"]
    assert [noted.run for noted in written(segments)] == [run_request(number) for number in range(201)]
    assert time.slept == [SECONDS_BETWEEN_WRITES] * 2


async def test_nothing_is_written_while_nothing_starts(
    journal: JournalWriter, segments: Segments, time: Time
) -> None:
    journal.add(run_request(1))
    await asyncio.sleep(0)
    await time.passes(journal)
    journal.wake()
    await asyncio.sleep(0)
    assert (len(time.slept), journal.pending) == (1, ())


async def test_a_full_segment_is_followed_by_another(
    journal: JournalWriter, segments: Segments, time: Time
) -> None:
    for first in (0, RUNS_IN_A_SEGMENT):
        for number in range(first, first + RUNS_IN_A_SEGMENT):
            journal.add(run_request(number))
        segments.clock.advance(1)
        await asyncio.sleep(0)
        await time.passes(journal)
    assert [len(from_lines(lines)) for lines in segments.blobs.values()] == [RUNS_IN_A_SEGMENT] * 2


async def test_a_trickle_fills_no_segment_without_end(
    journal: JournalWriter, segments: Segments, time: Time
) -> None:
    for number in range(2 * WRITES_TO_A_SEGMENT):
        journal.add(run_request(number))
        segments.clock.advance(1)
        await asyncio.sleep(0)
        await time.passes(journal)
    assert [len(from_lines(lines)) for lines in segments.blobs.values()] == [WRITES_TO_A_SEGMENT] * 2


async def test_a_segment_that_a_reader_deleted_loses_no_note(
    journal: JournalWriter, segments: Segments, time: Time
) -> None:
    journal.add(run_request(1))
    await asyncio.sleep(0)
    await time.passes(journal)
    segments.blobs.clear()
    segments.clock.advance(5)
    journal.add(run_request(2))
    await asyncio.sleep(0)
    await time.passes(journal)
    await time.passes(journal)
    assert [noted.run for noted in written(segments)] == [run_request(2)]


async def test_while_storage_is_away_starting_goes_on_and_the_log_says_so_once(
    journal: JournalWriter, segments: Segments, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    segments.away = True
    for number in range(3):
        journal.add(run_request(number))
        await asyncio.sleep(0)
        await time.passes(journal)
    assert len(segments.requests) == 3
    assert time.slept == [SECONDS_BETWEEN_WRITES, SECONDS_AFTER_A_FAILURE, SECONDS_AFTER_A_FAILURE]
    assert len(warnings(caplog)) == 1
    segments.away = False
    journal.wake()
    await asyncio.sleep(0)
    await time.passes(journal)
    assert [noted.run for noted in written(segments)] == [run_request(number) for number in range(3)]


async def test_an_outage_without_end_fills_no_memory(journal: JournalWriter, segments: Segments) -> None:
    segments.away = True
    for number in range(20_000):
        journal.add(run_request(number))
    assert len(journal.pending) == 5_000


def warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_the_failure_is_logged_by_whoever_comes_next_not_by_a_task_that_outlives_its_invocation(
    journal: JournalWriter, segments: Segments, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    segments.away = True
    journal.add(run_request(1))
    await asyncio.sleep(0)
    await time.passes(journal)
    assert warnings(caplog) == []
    journal.wake()
    assert ["storage_unavailable: away" in record.message for record in warnings(caplog)] == [True]


async def test_what_cannot_be_written_for_good_ends_no_writer_unheard(
    journal: JournalWriter, segments: Segments, time: Time
) -> None:
    def refuse(*_: object) -> None:
        raise Superseded("somebody holds a lease on it")

    segments.append = refuse  # type: ignore[method-assign, assignment]
    journal.add(run_request(1))
    await asyncio.sleep(0)
    await time.passes(journal)
    assert journal._writing is not None
    assert journal._writing.exception() is None
    assert len(journal.pending) == 1


async def test_what_an_outage_left_is_written_in_portions_that_one_append_may_bring(
    journal: JournalWriter, segments: Segments, time: Time
) -> None:
    longest = replace(run_request(0).image, blob_name="漢" * 1024)
    for number in range(3 * RUNS_IN_A_SEGMENT):
        journal.add(replace(run_request(number), image=longest))
    for _ in range(3):
        segments.clock.advance(1)
        await asyncio.sleep(0)
        await time.passes(journal)
    assert journal.pending == ()
    assert len(segments.blobs) == 3
    assert max(map(len, segments.blobs.values())) < 4 * 2**20
