"""The journal of started runs: its entries, and how one process writes them.

An entry is kept in memory at first and written within about a second, to a small append blob of this process (a
segment). Starting a run neither waits for that nor fails with it. A crash loses the last second's entries, never a run;
the sweep adds the live runs that it finds missing from the journal.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from function_app.errors import BlobMissing, PipelineError
from function_app.models.codec import from_json, to_json
from function_app.models.runs import RunRequest
from function_app.storage.journal_segments import PREFIX, JournalSegments

log = logging.getLogger("function_app.live_runs")

SECONDS_BETWEEN_WRITES = 1.0
SECONDS_AFTER_A_FAILURE = 15.0
RUNS_IN_A_SEGMENT = 500
WRITES_TO_A_SEGMENT = 100  # each append adds a block to the blob's block list
_MOST_PENDING = 5_000  # about 2 MB, more with long names; one append brings no more than a segment's worth


@dataclass(frozen=True)
class JournalEntry:
    """A run, and when it was started or found live."""

    at: datetime
    run: RunRequest


def to_lines(entries: Sequence[JournalEntry]) -> bytes:
    """One JSON line for each entry."""
    return "".join(json.dumps(to_json(entry), separators=(",", ":")) + "\n" for entry in entries).encode()


def from_lines(lines: bytes) -> list[JournalEntry]:
    """The entries of whole lines; unreadable ones (of another version of this app) are left out.

    It logs nothing, because it runs in a thread, where the host drops log lines: the caller counts and logs.
    """
    entries = []
    for line in lines.splitlines():
        try:
            entries.append(from_json(JournalEntry, json.loads(line)))
        except (ValueError, TypeError, KeyError):
            continue
    return entries


class JournalWriter:
    """Writes this process's entries. Use it on one event loop; only ``JournalSegments`` runs in a thread."""

    def __init__(
        self,
        segments: JournalSegments,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._segments = segments
        self._now = now
        self._sleep = sleep
        self._process = uuid.uuid4().hex[:12]
        self._segment: str | None = None
        self._in_segment = self._writes = 0
        self._pending: list[JournalEntry] = []
        self._writing: asyncio.Task[None] | None = None
        self._failing = False
        self._untold: str | None = None

    def add(self, run: RunRequest) -> None:
        """Add a run that is live; it is written within about a second. Costs microseconds."""
        if len(self._pending) < _MOST_PENDING:  # beyond that storage is away: the sweep will add the others
            self._pending.append(JournalEntry(self._now(), run))
        self.wake()

    @property
    def pending(self) -> Sequence[JournalEntry]:
        """The entries that are not written yet."""
        return tuple(self._pending)

    def wake(self) -> None:
        """Start writing what is pending, unless that is under way; log that writing failed, if it did.

        Logged here, within somebody's invocation: the host drops what is logged after the one that began the writing.
        """
        if self._untold is not None:
            log.warning(
                "the journal of started runs cannot be written (%s): lists may lack some", self._untold
            )
            self._untold = None
        task, loop = self._writing, asyncio.get_running_loop()
        if self._pending and (task is None or task.done() or task.get_loop() is not loop):
            self._writing = loop.create_task(self._write_soon())

    async def _write_soon(self) -> None:
        """Write until nothing is pending, or a write fails: then the next entry or reader wakes it again."""
        await self._sleep(SECONDS_AFTER_A_FAILURE if self._failing else SECONDS_BETWEEN_WRITES)
        while self._pending:
            try:
                await self._write()
            except PipelineError as error:
                if not self._failing:
                    self._untold = str(error)
                self._failing = True
                return
            self._failing = False
            if self._pending:
                await self._sleep(SECONDS_BETWEEN_WRITES)

    async def _write(self) -> None:
        entries = self._pending[:RUNS_IN_A_SEGMENT]
        lines = to_lines(entries)
        if self._segment is None:
            name = f"{PREFIX}{self._now():%Y%m%dT%H%M%S%f}-{self._process}.jsonl"
            await asyncio.to_thread(self._segments.begin, name)
            self._segment, self._in_segment, self._writes = name, 0, 0
        try:
            await asyncio.to_thread(self._segments.append, self._segment, lines)
        except BlobMissing:  # all its runs had ended, so a reader deleted it
            self._segment = None
            return
        del self._pending[: len(entries)]
        self._in_segment += len(entries)
        self._writes += 1
        if self._in_segment >= RUNS_IN_A_SEGMENT or self._writes >= WRITES_TO_A_SEGMENT:
            self._segment = None
