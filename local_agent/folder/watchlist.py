"""What the reader remembers between two listings: what kept still, and what came back unsent. Pure.

Only entries that are neither taken nor gone are remembered, so memory follows what waits, not what has
passed. Time is the caller's monotonic clock: a wall clock that jumps changes nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local_agent.folder.entries import Entry, Identity

PROBE_FILES = 8  # while the storage service does not answer, this many files are risked at a time


@dataclass(slots=True)
class _Seen:
    identity: Identity
    since: float


@dataclass(slots=True)
class _Tried:
    identity: Identity
    failures: int
    not_before: float


class Watchlist:
    """Observed entries and failed ones, forgotten as soon as a listing no longer shows them.

    A file handed out before and still there, unchanged, was not uploaded: success moves it away. So the
    folder itself says what failed, and no process has to tell another.
    """

    def __init__(self, settle_seconds: float, delay_after: Callable[[int], float]) -> None:
        """``delay_after(failures)`` gives the seconds to leave a file (or the service) alone after failures."""
        self._settle_seconds = settle_seconds
        self._delay_after = delay_after
        self._seen: dict[bytes, _Seen] = {}
        self._tried: dict[bytes, _Tried] = {}
        self._present: set[bytes] = set()
        self._handed_out: dict[bytes, Identity] = {}
        self.outages = 0
        self.resume_at = 0.0

    def begin_listing(self) -> None:
        """Start of a listing: from here on what is shown counts as present."""
        self._present = set()

    def settled(self, entry: Entry, now: float) -> bool:
        """Whether the entry has been seen unchanged for the settling time; seeing it now counts."""
        self._present.add(entry.path)
        seen = self._seen.get(entry.path)
        if seen is None or seen.identity != entry.identity:
            self._seen[entry.path] = _Seen(entry.identity, now)
            return self._settle_seconds <= 0
        return now - seen.since >= self._settle_seconds

    def may_try(self, entry: Entry, now: float) -> bool:
        """Whether the entry may be handed out now; one that failed waits, longer each time."""
        tried = self._tried.get(entry.path)
        if tried is None or tried.identity != entry.identity:
            return True
        self._present.add(entry.path)
        return now >= tried.not_before

    def end_listing(self) -> None:
        """End of a complete listing: forget what it did not show; that was uploaded, or taken away."""
        self._seen = {path: seen for path, seen in self._seen.items() if path in self._present}
        self._tried = {path: tried for path, tried in self._tried.items() if path in self._present}

    def hand_out(self, entries: Sequence[Entry]) -> None:
        """These go to the executors now."""
        for entry in entries:
            self._handed_out[entry.path] = entry.identity

    def handed_out(self) -> list[bytes]:
        """The paths to look for: whichever is still there was not uploaded."""
        return list(self._handed_out)

    def judge(self, still_there: Sequence[Entry], now: float) -> None:
        """Learn from the files of the last batches that are still in the inbox.

        Several, and all of them back unchanged: the service is away or refuses, so everything waits and the
        order is kept. Only some, or a single one: those wait by themselves and their neighbours go on.
        """
        handed_out, self._handed_out = self._handed_out, {}
        if not handed_out:
            return
        failed = [entry for entry in still_there if handed_out.get(entry.path) == entry.identity]
        if len(failed) == len(handed_out) > 1:
            self.outages += 1
            self.resume_at = now + self._delay_after(self.outages)
            return
        self.outages = 0
        self.resume_at = now
        for entry in failed:
            earlier = self._tried.get(entry.path)
            failures = earlier.failures + 1 if earlier and earlier.identity == entry.identity else 1
            self._tried[entry.path] = _Tried(entry.identity, failures, now + self._delay_after(failures))

    @property
    def failing(self) -> int:
        """How many present files have failed by themselves at least once."""
        return len(self._tried)

    @property
    def settling(self) -> int:
        """How many present files are being watched until they keep still."""
        return len(self._seen)
