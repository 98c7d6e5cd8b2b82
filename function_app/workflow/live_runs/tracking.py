"""The runs of the journal that may still be under way, as far as journal, store and Durable have answered. Pure.

A run is live until its row is stored or Durable says that it ended. The store is asked first, about many runs at a
time; then Durable, run by run, about those without a row. Those that were checked longest ago come first, so that any
rate reaches all of them. No method but ``live`` and ``as_of`` takes longer the more runs are live: a backlog may hold
a hundred thousand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from itertools import islice

from function_app.workflow.live_runs.durable_status import LiveRun
from function_app.workflow.live_runs.journal import JournalEntry

REPEATED_STORE_LOOKUPS = 2_000
"""Runs looked up in the store once more at a time, besides all that never were: twenty statements."""


class LiveRunTracker:
    """The journal's runs that are not known to have ended, by run id."""

    def __init__(self) -> None:
        self._entries: dict[str, JournalEntry] = {}
        self._segment_of: dict[str, str] = {}
        self._runs_in: Counter[str] = Counter()  # tracked runs by the segment that holds their entry
        # Known to be live: a journal entry alone may be of a run that ended long ago.
        self._live: dict[str, LiveRun] = {}
        # Dicts as queues, longest ago first; the times say since when what is known of a run has been known.
        self._never_looked_up: dict[str, None] = {}  # in the store
        self._looked_up: dict[str, None] = {}
        self._never_asked: dict[str, datetime] = {}  # of Durable
        self._asked: dict[str, datetime] = {}

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: JournalEntry, segment: str | None = None) -> None:
        """Track the run from now on; ``segment`` holds its entry, None while only this process has it.

        A later entry of the same run replaces the earlier one: the run was started again.
        """
        run_id = entry.run.run_id
        known = self._entries.get(run_id)
        if known is not None and entry.at < known.at:
            return
        if known is None or entry.at > known.at:
            self._remove(run_id)
            self._entries[run_id] = entry
            self._never_asked[run_id] = entry.at
            if entry.run.attempt == 1:  # a replay has a row from the start, so the store cannot tell
                self._never_looked_up[run_id] = None
        if segment is not None and run_id not in self._segment_of:
            self._segment_of[run_id] = segment
            self._runs_in[segment] += 1

    def keep_only(self, segments: Collection[str]) -> None:
        """Drop the runs of deleted segments: another process found that they had all ended."""
        gone = self._runs_in.keys() - set(segments)
        if gone:
            for run_id in [run_id for run_id, segment in self._segment_of.items() if segment in gone]:
                self._remove(run_id)

    def needs(self, segment: str) -> bool:
        """Whether it holds the entry of a run that may be live."""
        return segment in self._runs_in

    def next_store_lookups(self) -> list[JournalEntry]:
        """The runs to look up in the store next."""
        due = (*self._never_looked_up, *islice(self._looked_up, REPEATED_STORE_LOOKUPS))
        return [self._entries[run_id] for run_id in due]

    def store_answered(self, entries: Iterable[JournalEntry], stored: Collection[str]) -> None:
        """Take in the store's answer about these runs: those in ``stored`` have a row."""
        for entry in entries:
            run_id = entry.run.run_id
            if self._entries.get(run_id) is not entry:
                continue  # it ended or was started again since the question
            if run_id in stored:
                self._remove(run_id)
                continue
            self._never_looked_up.pop(run_id, None)
            self._looked_up.pop(run_id, None)
            self._looked_up[run_id] = None
            if run_id not in self._live:  # until Durable is asked, it is as it was started
                self._live[run_id] = LiveRun(run_id, "Pending", entry.at, request=entry.run)

    def next_durable_lookups(self, most: int) -> list[JournalEntry]:
        """The runs to ask Durable about next: never asked, newest first, then those asked longest ago."""
        due = list(islice(reversed(self._never_asked), most))
        due += islice(self._asked, most - len(due))
        return [self._entries[run_id] for run_id in due]

    def durable_answered(self, entry: JournalEntry, live: LiveRun | None, asked_at: datetime) -> None:
        """Take in Durable's answer about a run; None if it knows no such run."""
        run_id = entry.run.run_id
        if self._entries.get(run_id) is not entry:
            return
        if live is None or not live.is_active:
            self._remove(run_id)
            return
        self._live[run_id] = replace(live, request=live.request or entry.run)
        self._never_asked.pop(run_id, None)
        self._asked.pop(run_id, None)
        self._asked[run_id] = asked_at

    def live(self) -> tuple[LiveRun, ...]:
        """The runs that are known to be live."""
        return tuple(self._live.values())

    def as_of(self, journal_read_at: datetime) -> datetime:
        """The age of the oldest answer among those that ``live`` rests on."""
        return min((journal_read_at, *self._never_asked.values(), *self._asked.values()))

    def _remove(self, run_id: str) -> None:
        segment = self._segment_of.pop(run_id, None)
        if segment is not None:
            self._runs_in[segment] -= 1
            if not self._runs_in[segment]:
                del self._runs_in[segment]
        self._entries.pop(run_id, None)
        self._live.pop(run_id, None)
        self._never_looked_up.pop(run_id, None)
        self._looked_up.pop(run_id, None)
        self._never_asked.pop(run_id, None)
        self._asked.pop(run_id, None)
