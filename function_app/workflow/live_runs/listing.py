"""The runs under way, as one snapshot for everyone who asks this process.

Put together from the journal of started runs, the store and Durable's status of single runs (ADR 11). It is renewed at
most once a second, and only while somebody asks; a rate limit on look-ups in Durable sets how soon it has asked about
every run.
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
from function_app.workflow.live_runs.durable_status import LiveRun, find_live_run, gather_bounded
from function_app.workflow.live_runs.journal import JournalEntry, JournalWriter, from_lines
from function_app.workflow.live_runs.pacing import BackgroundCall, TokenBucket
from function_app.workflow.live_runs.tracking import LiveRunTracker

log = logging.getLogger("function_app.live_runs")

# All segments; and by the name of each that grew, its new entries and the number of its unreadable lines.
Fetched = tuple[tuple[Segment, ...], dict[str, tuple[list[JournalEntry], int]]]

RENEWED_AFTER = timedelta(seconds=1)
_LONGER_PER_RUN = timedelta(milliseconds=0.1)  # so every ten seconds at a hundred thousand live runs
POINT_READS_A_MINUTE = 3_000
"""Of Durable's instances table, per process and only while somebody asks: about a tenth of a core."""
_MOST_POINT_READS_AT_ONCE = 200
# A younger segment may still be written to: deleting it would make its writer begin another.
_SEGMENT_AT_REST = timedelta(minutes=1)
_ANOTHER_VERSION_STAYS = timedelta(days=1)  # longer than two versions run side by side in a deployment
# Seconds that a caller waits for the journal to be read, and for any other call; the call itself goes on.
_READ_PATIENCE, _PATIENCE = 5.0, 2.0


@dataclass(frozen=True)
class LiveSnapshot:
    """The runs under way. Nothing in it is older than ``as_of``."""

    runs: tuple[LiveRun, ...]
    as_of: datetime


class LiveRuns:
    """The live runs, as one process knows them. Use it on one event loop.

    ``recorded`` returns which of the run ids have a row.
    """

    def __init__(
        self,
        segments: JournalSegments,
        recorded: Callable[[Sequence[str]], set[str]],
        now: Callable[[], datetime],
    ) -> None:
        self._segments = segments
        self._recorded = recorded
        self.now = now
        self._journal = JournalWriter(segments, lambda: self.now())
        self._tracker = LiveRunTracker()
        self._newest_own: JournalEntry | None = None
        self._durable_lookups = TokenBucket(POINT_READS_A_MINUTE, _MOST_POINT_READS_AT_ONCE)
        self._read_up_to: dict[str, int] = {}
        self._of_another_version: set[str] = set()
        self._read_at: datetime | None = None
        self._reading = BackgroundCall[datetime, Fetched]()
        self._looking_up = BackgroundCall[list[JournalEntry], set[str]]()
        self._deleting = BackgroundCall[None, None]()
        self._renewing: asyncio.Task[LiveSnapshot] | None = None
        self._snapshot: LiveSnapshot | None = None
        self._renewed_at: datetime | None = None

    def add(self, run: RunRequest) -> None:
        """Add a run that was started; every process's snapshot has it within a second or two."""
        self._journal.add(run)

    async def add_missing(self, client: Any, live: Iterable[RunRequest]) -> None:
        """Add those of the live runs that the journal lacks, and clear the journal of runs that have ended.

        For the sweep, which looks at every image: here a run comes back whose journal entry was lost in a crash.
        """
        try:
            await self.snapshot(client)
        except Transient:
            return  # what the journal lacks is unknown; the next sweep will see
        unwritten = {entry.run.run_id for entry in self._journal.pending}
        for run in live:
            if run.run_id not in self._tracker and run.run_id not in unwritten:
                self.add(run)

    async def snapshot(self, client: Any) -> LiveSnapshot:
        """The current snapshot, renewed if it is over a second old; callers at the same time share it.

        While storage is away it covers the runs known so far: no new ones can arrive. While the store is away, Durable
        alone says which have ended. Raises DurableUnavailable, or StorageUnavailable if the journal was never read.
        """
        if self._snapshot is not None and self._renewed_at is not None:
            age = self.now() - self._renewed_at
            if timedelta(0) <= age < RENEWED_AFTER + len(self._snapshot.runs) * _LONGER_PER_RUN:
                return self._snapshot
        task, loop = self._renewing, asyncio.get_running_loop()
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._renewing = loop.create_task(self._renew(client))
        # Shielded: a caller that goes away must not cancel it for the others.
        return await asyncio.shield(task)

    async def _renew(self, client: Any) -> LiveSnapshot:
        begun = self.now()
        self._journal.wake()
        self._track_own()
        at_rest = await self._read_journal(begun)
        await self._look_up_in_store()
        await self._look_up_in_durable(client, begun)
        done = [segment for segment in at_rest if self._is_done_with(segment, begun)]
        if done or self._deleting.is_under_way:
            await self._deleting.within(_PATIENCE, None, lambda: asyncio.to_thread(self._delete, done))
        read_at = self._read_at or begun
        self._snapshot = LiveSnapshot(self._tracker.live(), self._tracker.as_of(read_at))
        self._renewed_at = begun
        return self._snapshot

    def _is_done_with(self, segment: Segment, now: datetime) -> bool:
        """Whether it may be deleted; one with lines that this version of the app cannot read is left to the other."""
        if segment.name in self._of_another_version and now - segment.changed_at < _ANOTHER_VERSION_STAYS:
            return False
        return not self._tracker.needs(segment.name)

    def _track_own(self) -> None:
        """Track what this process added since, before it is written; each entry once, however long writing takes."""
        pending = self._journal.pending
        for entry in takewhile(lambda entry: entry is not self._newest_own, reversed(pending)):
            self._tracker.add(entry)
        self._newest_own = pending[-1] if pending else self._newest_own

    async def _read_journal(self, begun: datetime) -> list[Segment]:
        """Track what the journal has now; returns those of its segments that are at rest."""
        known = dict(self._read_up_to)
        try:
            found = await self._reading.within(
                _READ_PATIENCE, begun, lambda: asyncio.to_thread(self._fetch, known)
            )
        except Transient:
            if self._read_at is None:
                raise
            return []
        if found is None:
            if self._read_at is None:
                raise StorageUnavailable("Storage has not answered yet which runs were started.")
            return []
        self._read_at, (segments, added) = found
        self._read_up_to = {segment.name: segment.size for segment in segments}
        self._tracker.keep_only(self._read_up_to.keys())
        self._of_another_version &= self._read_up_to.keys()
        for name, (entries, unreadable) in added.items():
            if unreadable:
                log.warning("%s lines of the journal's segment %s cannot be read", unreadable, name)
                self._of_another_version.add(name)
            for entry in entries:
                self._tracker.add(entry, name)
        return [segment for segment in segments if begun - segment.changed_at >= _SEGMENT_AT_REST]

    def _fetch(self, read_up_to: dict[str, int]) -> Fetched:
        reading, added = self._segments.read(read_up_to), {}
        for name, lines in reading.added.items():
            entries = from_lines(lines)
            added[name] = entries, lines.count(b"\n") - len(entries)
        return reading.segments, added

    async def _look_up_in_store(self) -> None:
        due = self._tracker.next_store_lookups()
        run_ids = [entry.run.run_id for entry in due]
        if not due and not self._looking_up.is_under_way:
            return
        try:
            found = await self._looking_up.within(
                _PATIENCE, due, lambda: asyncio.to_thread(self._recorded, run_ids)
            )
        except (Transient, Misconfigured):
            return  # which runs have a row is unknown: Durable says which are live
        if found is not None:
            self._tracker.store_answered(*found)

    async def _look_up_in_durable(self, client: Any, begun: datetime) -> None:
        due = self._tracker.next_durable_lookups(self._durable_lookups.take(begun, len(self._tracker)))

        async def look_up(entry: JournalEntry) -> None:
            self._tracker.durable_answered(entry, await find_live_run(client, entry.run.run_id), begun)

        await gather_bounded([look_up(entry) for entry in due])

    def _delete(self, segments: list[Segment]) -> None:
        try:
            for segment in segments:
                self._segments.delete(segment)
        except Transient:
            return  # the next renewal tries again
