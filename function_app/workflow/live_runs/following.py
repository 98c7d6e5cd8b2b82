"""Which of the noted runs live, as far as the journal, the books and Durable have told. Pure.

A run lives until its row is there or Durable says that it ended. The books are asked first, in portions; Durable,
run by run, about what they do not know. Whom it was longest not asked about comes first, so that any pace gets round.
Nothing here takes longer the more runs live, but for handing out the list: a backlog can hold a hundred thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from itertools import islice

from function_app.workflow.live_runs.instances import LiveRun
from function_app.workflow.live_runs.journal import Noted

LOOKED_UP_AGAIN = 2_000
"""Runs looked up in the books once more at a time, beside all those that never were: twenty statements."""


class Following:
    """The noted runs that are not known to have ended, by run id."""

    def __init__(self) -> None:
        self._notes: dict[str, Noted] = {}
        self._segment_of: dict[str, str] = {}
        self._held: Counter[str] = Counter()  # runs by the segment that holds their note
        # Known to live: a note alone may be of a run that ended long ago.
        self._living: dict[str, LiveRun] = {}
        # Whose turn it is, and since when what is known of each is known.
        self._never_looked_up: dict[str, None] = {}
        self._looked_up: dict[str, None] = {}
        self._never_asked: dict[str, datetime] = {}
        self._asked: dict[str, datetime] = {}

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._notes

    def __len__(self) -> int:
        return len(self._notes)

    def note(self, noted: Noted, segment: str | None = None) -> None:
        """Follow it from now on; ``segment`` holds its note, null while only this process has it.

        A later note of the same run counts: it was started again.
        """
        run_id = noted.run.run_id
        known = self._notes.get(run_id)
        if known is not None and noted.at < known.at:
            return
        if known is None or noted.at > known.at:
            self._ended(run_id)
            self._notes[run_id] = noted
            self._never_asked[run_id] = noted.at
            if noted.run.attempt == 1:  # a replay's row is there from the start
                self._never_looked_up[run_id] = None
        if segment is not None and run_id not in self._segment_of:
            self._segment_of[run_id] = segment
            self._held[segment] += 1

    def keep_only(self, segments: Collection[str]) -> None:
        """Who was noted in a segment that is gone has ended: another process saw to it."""
        gone = self._held.keys() - set(segments)
        if gone:
            for run_id in [run_id for run_id, segment in self._segment_of.items() if segment in gone]:
                self._ended(run_id)

    def holds(self, segment: str) -> bool:
        """Whether it has the note of a run that may live."""
        return segment in self._held

    def to_look_up(self) -> list[Noted]:
        """Whom to look up in the books."""
        turn = (*self._never_looked_up, *islice(self._looked_up, LOOKED_UP_AGAIN))
        return [self._notes[run_id] for run_id in turn]

    def looked_up(self, asked: Iterable[Noted], recorded: Collection[str]) -> None:
        """The books' answer: ``recorded`` are the run ids that have a row."""
        for noted in asked:
            run_id = noted.run.run_id
            if self._notes.get(run_id) is not noted:
                continue  # it ended or was started again since the question
            if run_id in recorded:
                self._ended(run_id)
                continue
            self._never_looked_up.pop(run_id, None)
            self._looked_up.pop(run_id, None)
            self._looked_up[run_id] = None
            if run_id not in self._living:  # as it was started, until Durable is asked
                self._living[run_id] = LiveRun(run_id, "Pending", noted.at, request=noted.run)

    def to_ask(self, most: int) -> list[Noted]:
        """Whom to ask Durable about: never asked, newest first, then those asked longest ago."""
        turn = list(islice(reversed(self._never_asked), most))
        turn += islice(self._asked, most - len(turn))
        return [self._notes[run_id] for run_id in turn]

    def told(self, noted: Noted, live: LiveRun | None, at: datetime) -> None:
        """Durable's answer to a question put at ``at``; None when it knows no such run."""
        run_id = noted.run.run_id
        if self._notes.get(run_id) is not noted:
            return
        if live is None or not live.is_active:
            self._ended(run_id)
            return
        self._living[run_id] = replace(live, request=live.request or noted.run)
        self._never_asked.pop(run_id, None)
        self._asked.pop(run_id, None)
        self._asked[run_id] = at

    def living(self) -> tuple[LiveRun, ...]:
        """Those that are known to live."""
        return tuple(self._living.values())

    def as_of(self, read_at: datetime) -> datetime:
        """The oldest moment that the answer rests on, where the journal was read at ``read_at``."""
        return min((read_at, *self._never_asked.values(), *self._asked.values()))

    def _ended(self, run_id: str) -> None:
        segment = self._segment_of.pop(run_id, None)
        if segment is not None:
            self._held[segment] -= 1
            if not self._held[segment]:
                del self._held[segment]
        self._notes.pop(run_id, None)
        self._living.pop(run_id, None)
        self._never_looked_up.pop(run_id, None)
        self._looked_up.pop(run_id, None)
        self._never_asked.pop(run_id, None)
        self._asked.pop(run_id, None)
