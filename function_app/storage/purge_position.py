"""How far the purge of old histories has come, in the order of the rows."""

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
    """The histories of the rows up to ``passed`` were purged.

    A pass continues from tick to tick until it reaches a row that is too young, or the last row: ``done_at`` is when it
    did, null while a pass is under way, and ``next_committed_at`` is the date of that young row.
    """

    passed: EndedRun | None = None
    done_at: datetime | None = None
    next_committed_at: datetime | None = None

    def at(self, now: datetime) -> PurgePosition:
        """The position to continue from.

        A new pass begins a little before the last one's end, for rows dated by a slower clock and for runs that had
        a row but had not quite ended. A position in the future was written by a wrong clock: start from the beginning.
        """
        if self.passed is not None and self.passed.committed_at > now + _CLOCKS_DIFFER:
            return PurgePosition()
        if self.done_at is None or self.passed is None:
            return PurgePosition(self.passed)
        return PurgePosition(EndedRun("", self.passed.committed_at - _CLOCKS_DIFFER, 0))

    def is_due(self, now: datetime, retention: timedelta) -> bool:
        """Whether there can be anything to purge, without a query, which would resume a paused database.

        At most one pass a day, and none before the oldest row that is left has grown old enough.
        """
        if self.done_at is None or self.done_at > now:
            return True
        return self.done_at.date() < now.date() and (self.next_committed_at or self.done_at) + retention < now


class PurgePositionBlob(KeptState[PurgePosition]):
    """The position, kept in the quarantine container."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        super().__init__(service, container, _NAME, PurgePosition)
