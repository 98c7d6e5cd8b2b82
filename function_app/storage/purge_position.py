"""Where the purge of old histories stands: how far it has come in the books, in the order of their rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from azure.storage.blob import BlobServiceClient

from function_app.models.runs import EndedRun
from function_app.storage.kept_state import KeptState

_NAME = "purge/position.json"
# Rows are dated by the processes that write them, whose clocks differ by far less.
_CLOCKS_DIFFER = timedelta(minutes=15)


@dataclass(frozen=True)
class PurgePosition:
    """The histories of the rows up to ``passed`` were forgotten.

    A pass goes on from tick to tick until it meets a row that is too young, or none: ``done_at`` is when it did, null
    while one is under way, and ``next_committed_at`` is the date of that row.
    """

    passed: EndedRun | None = None
    done_at: datetime | None = None
    next_committed_at: datetime | None = None

    def at(self, now: datetime) -> PurgePosition:
        """The position to go on from.

        A new pass begins a little before the last one's end, for rows dated by a slower clock and for runs that had
        their row and had not quite ended. A position of the future was written by a wrong clock: back to the beginning.
        """
        if self.passed is not None and self.passed.committed_at > now + _CLOCKS_DIFFER:
            return PurgePosition()
        if self.done_at is None or self.passed is None:
            return PurgePosition(self.passed)
        return PurgePosition(EndedRun("", self.passed.committed_at - _CLOCKS_DIFFER, 0))

    def is_due(self, now: datetime, retention: timedelta) -> bool:
        """Whether there can be anything to forget: a question to the books would wake a database that sleeps.

        At most one pass a day, and none before the oldest row that is left has grown old enough.
        """
        if self.done_at is None or self.done_at > now:
            return True
        return self.done_at.date() < now.date() and (self.next_committed_at or self.done_at) + retention < now


class PurgePositionBlob(KeptState[PurgePosition]):
    """The position, kept in the quarantine container."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        super().__init__(service, container, _NAME, PurgePosition)
