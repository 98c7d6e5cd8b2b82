"""The journal of started runs, and how one process writes it.

Durable can be asked about a run by its id, but a list of those that live would make it read its whole history. So
whoever starts a run notes it: in memory at once, and at most once a second, while there is something to write, in a
small blob of this process. Nothing waits for that and nothing fails with it. A crash loses the last second's notes,
never a run; the sweep notes what it finds living and unnoted.
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
WRITES_TO_A_SEGMENT = 100  # each append is a block of the blob, and what tells of a blob tells of its blocks
_MOST_PENDING = 5_000  # about 2 MB, more with long names; one append brings no more than a segment's worth


@dataclass(frozen=True)
class Noted:
    """A run and when it was started, or found living."""

    at: datetime
    run: RunRequest


def to_lines(notes: Sequence[Noted]) -> bytes:
    """One JSON line for each."""
    return "".join(json.dumps(to_json(noted), separators=(",", ":")) + "\n" for noted in notes).encode()


def from_lines(lines: bytes) -> list[Noted]:
    """The notes of whole lines; one that is none (another version of this app wrote it) is left out.

    Used in a thread, where the host drops what is logged: the caller says so.
    """
    notes = []
    for line in lines.splitlines():
        try:
            notes.append(from_json(Noted, json.loads(line)))
        except (ValueError, TypeError, KeyError):
            continue
    return notes


class RunJournal:
    """The writing half. Belongs to the event loop that notes; only ``JournalSegments`` is used in a thread."""

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
        self._pending: list[Noted] = []
        self._writing: asyncio.Task[None] | None = None
        self._failing = False
        self._untold: str | None = None

    def note(self, run: RunRequest) -> None:
        """Remember that this run lives, and write it down within about a second. Costs microseconds."""
        if len(self._pending) < _MOST_PENDING:  # beyond it storage is away: the sweep will note the others
            self._pending.append(Noted(self._now(), run))
        self.wake()

    @property
    def pending(self) -> Sequence[Noted]:
        """What is not yet written."""
        return tuple(self._pending)

    def wake(self) -> None:
        """See that what is pending gets written, and say that it could not be.

        Said here, in somebody's invocation: the host drops what is logged after the one that began the writing ended.
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
        """Write until nothing is pending, or once in vain: then the next note or reader wakes it again."""
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
        notes = self._pending[:RUNS_IN_A_SEGMENT]
        lines = to_lines(notes)
        if self._segment is None:
            name = f"{PREFIX}{self._now():%Y%m%dT%H%M%S%f}-{self._process}.jsonl"
            await asyncio.to_thread(self._segments.begin, name)
            self._segment, self._in_segment, self._writes = name, 0, 0
        try:
            await asyncio.to_thread(self._segments.append, self._segment, lines)
        except BlobMissing:  # all its runs had ended, so a reader deleted it
            self._segment = None
            return
        del self._pending[: len(notes)]
        self._in_segment += len(notes)
        self._writes += 1
        if self._in_segment >= RUNS_IN_A_SEGMENT or self._writes >= WRITES_TO_A_SEGMENT:
            self._segment = None
