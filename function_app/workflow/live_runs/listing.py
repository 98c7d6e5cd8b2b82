"""The runs that live: one answer for all who ask this process, bounded by what lives and not by what ever ran.

Out of the journal of started runs, the books and Durable's word about single runs (ADR 11). It is renewed at most once
a second, and only while somebody asks; its own cost sets how soon it has asked Durable about everyone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from function_app.errors import Misconfigured, StorageUnavailable, Transient
from function_app.models.runs import RunRequest
from function_app.storage.journal_segments import JournalSegments, Segment
from function_app.workflow.live_runs.following import Following
from function_app.workflow.live_runs.instances import LiveRun, answers, find_live_run
from function_app.workflow.live_runs.journal import Noted, RunJournal, from_lines
from function_app.workflow.live_runs.pacing import Allowance, Aside

log = logging.getLogger("function_app.live_runs")

# All segments; and by the name of each that grew, its new notes and how many of its lines are none.
Fetched = tuple[tuple[Segment, ...], dict[str, tuple[list[Noted], int]]]

RENEWED_AFTER = timedelta(seconds=1)
_LONGER_PER_RUN = timedelta(milliseconds=0.1)  # that lives: ten seconds at a hundred thousand
POINT_READS_A_MINUTE = 3_000
"""Of Durable's instances table, per process and only while somebody asks: about a tenth of a core."""
_MOST_POINT_READS_AT_ONCE = 200
# A younger one may be written on: deleting it would make its writer begin anew.
_SEGMENT_AT_REST = timedelta(minutes=1)
_ANOTHER_VERSION_STAYS = timedelta(days=1)  # longer than two versions run side by side in a deployment
# Seconds that an answer waits for storage and for the database; the question goes on.
_READING_PATIENCE, _PATIENCE = 5.0, 2.0


@dataclass(frozen=True)
class LiveAnswer:
    """The runs that live. ``as_of``: nothing in it is older."""

    runs: tuple[LiveRun, ...]
    as_of: datetime


class Living:
    """One per process; belongs to its event loop. ``recorded`` tells which of the run ids have their row."""

    def __init__(
        self,
        segments: JournalSegments,
        recorded: Callable[[Sequence[str]], set[str]],
        now: Callable[[], datetime],
    ) -> None:
        self._segments = segments
        self._recorded = recorded
        self.now = now
        self._journal = RunJournal(segments, lambda: self.now())
        self._following = Following()
        self._newest_own: Noted | None = None
        self._allowance = Allowance(POINT_READS_A_MINUTE, _MOST_POINT_READS_AT_ONCE)
        self._read_up_to: dict[str, int] = {}
        self._of_another_version: set[str] = set()
        self._read_at: datetime | None = None
        self._reading = Aside[datetime, Fetched]()
        self._looking_up = Aside[list[Noted], set[str]]()
        self._deleting = Aside[None, None]()
        self._renewing: asyncio.Task[LiveAnswer] | None = None
        self._answer: LiveAnswer | None = None
        self._renewed_at: datetime | None = None

    def note(self, run: RunRequest) -> None:
        """This run was started: it will be in the answers of every process within a second or two."""
        self._journal.note(run)

    async def notice(self, client: Any, living: Iterable[RunRequest]) -> None:
        """Note those of the living runs that the journal lacks, and clear it of those that have ended.

        For the sweep, which meets every image: what a crash kept from being noted comes in here.
        """
        try:
            await self.current(client)
        except Transient:
            return  # what the journal lacks cannot be told; the next sweep can
        unwritten = {noted.run.run_id for noted in self._journal.pending}
        for run in living:
            if run.run_id not in self._following and run.run_id not in unwritten:
                self.note(run)

    async def current(self, client: Any) -> LiveAnswer:
        """The answer, renewed if it is over a second old; who asks meanwhile gets the same one.

        While storage is away it goes on with the runs it knows: none can come. While the books are away, Durable alone
        tells who has ended. Raises DurableUnavailable, or StorageUnavailable if the journal was never read.
        """
        if self._answer is not None and self._renewed_at is not None:
            age = self.now() - self._renewed_at
            if timedelta(0) <= age < RENEWED_AFTER + len(self._answer.runs) * _LONGER_PER_RUN:
                return self._answer
        task, loop = self._renewing, asyncio.get_running_loop()
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._renewing = loop.create_task(self._renew(client))
        # Shielded: a caller that goes away must not take the others' answer along.
        return await asyncio.shield(task)

    async def _renew(self, client: Any) -> LiveAnswer:
        begun = self.now()
        self._journal.wake()
        self._follow_own()
        resting = await self._read(begun)
        await self._look_up(begun)
        await self._ask(client, begun)
        done = [segment for segment in resting if self._is_done_with(segment, begun)]
        if done or self._deleting.is_under_way:
            await self._deleting.within(_PATIENCE, None, lambda: asyncio.to_thread(self._delete, done))
        read_at = self._read_at or begun
        self._answer = LiveAnswer(self._following.living(), self._following.as_of(read_at))
        self._renewed_at = begun
        return self._answer

    def _is_done_with(self, segment: Segment, now: datetime) -> bool:
        """Whether it may go; one with lines that this version of the app cannot read is left to the other version."""
        if segment.name in self._of_another_version and now - segment.changed_at < _ANOTHER_VERSION_STAYS:
            return False
        return not self._following.holds(segment.name)

    def _follow_own(self) -> None:
        """What this process noted since: it need not be written first. Each once, however long writing takes."""
        pending = self._journal.pending
        for noted in takewhile(lambda noted: noted is not self._newest_own, reversed(pending)):
            self._following.note(noted)
        self._newest_own = pending[-1] if pending else self._newest_own

    async def _read(self, begun: datetime) -> list[Segment]:
        """Follow what the journal has now; its segments that are at rest."""
        known = dict(self._read_up_to)
        try:
            found = await self._reading.within(
                _READING_PATIENCE, begun, lambda: asyncio.to_thread(self._fetch, known)
            )
        except Transient:
            if self._read_at is None:
                raise
            return []
        if found is None:
            if self._read_at is None:
                raise StorageUnavailable("Storage has not told yet which runs were started.")
            return []
        self._read_at, (segments, added) = found
        self._read_up_to = {segment.name: segment.size for segment in segments}
        self._following.keep_only(self._read_up_to.keys())
        self._of_another_version &= self._read_up_to.keys()
        for name, (notes, unreadable) in added.items():
            if unreadable:
                log.warning("%s lines of the journal's segment %s cannot be read", unreadable, name)
                self._of_another_version.add(name)
            for noted in notes:
                self._following.note(noted, name)
        return [segment for segment in segments if begun - segment.changed_at >= _SEGMENT_AT_REST]

    def _fetch(self, read_up_to: dict[str, int]) -> Fetched:
        reading, added = self._segments.read(read_up_to), {}
        for name, lines in reading.added.items():
            notes = from_lines(lines)
            added[name] = notes, lines.count(b"\n") - len(notes)
        return reading.segments, added

    async def _look_up(self, begun: datetime) -> None:
        asked = self._following.to_look_up()
        run_ids = [noted.run.run_id for noted in asked]
        if not asked and not self._looking_up.is_under_way:
            return
        try:
            found = await self._looking_up.within(
                _PATIENCE, asked, lambda: asyncio.to_thread(self._recorded, run_ids)
            )
        except (Transient, Misconfigured):
            return  # who has a row is unknown: Durable tells who lives
        if found is not None:
            self._following.looked_up(*found)

    async def _ask(self, client: Any, begun: datetime) -> None:
        asked = self._following.to_ask(self._allowance.take(begun, len(self._following)))

        async def ask(noted: Noted) -> None:
            self._following.told(noted, await find_live_run(client, noted.run.run_id), begun)

        await answers([ask(noted) for noted in asked])

    def _delete(self, segments: list[Segment]) -> None:
        try:
            for segment in segments:
                self._segments.delete(segment)
        except Transient:
            return  # whoever asks next tries again
