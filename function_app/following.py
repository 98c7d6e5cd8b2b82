"""Which of the noted runs live, as far as the journal, the books and Durable have told. Pure.

A run lives until its row is there or Durable says that it ended. The books are asked first, in portions; Durable,
run by run, about what they do not know. Whom it was longest not asked about comes first, so that any pace gets round.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from heapq import nsmallest

from function_app.live_runs import LiveRun
from function_app.run_journal import Noted

_NEVER = datetime(1, 1, 1, tzinfo=UTC)
LOOKED_UP_AGAIN = 2_000
"""Runs looked up in the books once more at a time, beside all those that never were: twenty statements."""


@dataclass(frozen=True)
class Followed:
    """One noted run. ``segment`` holds its note, null while only this process has it.

    ``unrecorded_at`` is when the books last had no row of it; ``told`` what Durable last said, at ``asked_at``.
    """

    noted: Noted
    segment: str | None = None
    unrecorded_at: datetime | None = None
    told: LiveRun | None = None
    asked_at: datetime | None = None

    @property
    def is_known_to_live(self) -> bool:
        """Whether anybody was asked: a note alone may be of a run that ended long ago."""
        return self.unrecorded_at is not None or self.told is not None

    @property
    def as_of(self) -> datetime:
        """How old what is known of it is."""
        return self.asked_at or self.noted.at

    def as_live(self) -> LiveRun:
        """As Durable told; before it was asked, as it was started."""
        if self.told is not None:
            return self.told
        return LiveRun(self.noted.run.run_id, "Pending", self.noted.at, request=self.noted.run)


class Following:
    """The noted runs that are not known to have ended, by run id."""

    def __init__(self) -> None:
        self._runs: dict[str, Followed] = {}

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._runs

    def __len__(self) -> int:
        return len(self._runs)

    def note(self, noted: Noted, segment: str | None = None) -> None:
        """Follow it from now on. A later note of the same run counts: it was started again."""
        known = self._runs.get(noted.run.run_id)
        if known is None or noted.at > known.noted.at:
            self._runs[noted.run.run_id] = Followed(noted, segment)
        elif noted.at == known.noted.at and segment is not None:
            self._runs[noted.run.run_id] = replace(known, segment=segment)

    def keep_only(self, segments: Collection[str]) -> None:
        """Who was noted in a segment that is gone has ended: another process saw to it."""
        self._runs = {i: f for i, f in self._runs.items() if f.segment is None or f.segment in segments}

    def to_look_up(self) -> list[Noted]:
        """Whom to look up in the books. Not replays: their rows are there from the start."""
        first = [f for f in self._runs.values() if f.noted.run.attempt == 1]
        never = [f for f in first if f.unrecorded_at is None]
        before = (f for f in first if f.unrecorded_at is not None)
        again = nsmallest(LOOKED_UP_AGAIN, before, key=lambda f: f.unrecorded_at or _NEVER)
        return [f.noted for f in (*never, *again)]

    def looked_up(self, asked: Iterable[Noted], recorded: Collection[str], at: datetime) -> None:
        """The books' answer: ``recorded`` are the run ids that have a row."""
        for noted in asked:
            known = self._asked(noted)
            if known is not None and noted.run.run_id in recorded:
                del self._runs[noted.run.run_id]
            elif known is not None:
                self._runs[noted.run.run_id] = replace(known, unrecorded_at=at)

    def to_ask(self, most: int) -> list[Noted]:
        """Whom to ask Durable about: never asked, newest first, then those asked longest ago."""
        chosen = nsmallest(
            most, self._runs.values(), key=lambda f: (f.asked_at or _NEVER, _NEVER - f.noted.at)
        )
        return [f.noted for f in chosen]

    def told(self, noted: Noted, live: LiveRun | None, at: datetime) -> None:
        """Durable's answer; None when it knows no such run."""
        known = self._asked(noted)
        if known is None:
            return
        if live is None or not live.is_active:
            del self._runs[noted.run.run_id]
        else:
            told = replace(live, request=live.request or noted.run)
            self._runs[noted.run.run_id] = replace(known, told=told, asked_at=at)

    def segments(self) -> set[str]:
        """The segments that hold a note of a run that may live."""
        return {f.segment for f in self._runs.values() if f.segment is not None}

    def living(self) -> tuple[LiveRun, ...]:
        """Those that are known to live."""
        return tuple(f.as_live() for f in self._runs.values() if f.is_known_to_live)

    def as_of(self, read_at: datetime) -> datetime:
        """The oldest moment that the answer rests on, where the journal was read at ``read_at``."""
        return min((f.as_of for f in self._runs.values()), default=read_at)

    def _asked(self, noted: Noted) -> Followed | None:
        """The run as it is followed, unless it ended or was started again since the question."""
        known = self._runs.get(noted.run.run_id)
        return known if known is not None and known.noted.at == noted.at else None
