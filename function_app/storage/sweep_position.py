"""How far the timed sweep has come, kept in a small blob so that any worker process can continue.

Losing it costs a sweep from the beginning, nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from azure.storage.blob import BlobServiceClient

from function_app.storage.kept_state import KeptState

_NAME = "sweep/position.json"
# The service's clock, which dates the blobs, and ours, which dates the passes, differ by far less.
_CLOCKS_DIFFER = timedelta(minutes=15)
_ASK_ABOUT_ALL_EVERY = timedelta(days=1)


@dataclass(frozen=True)
class SweepPosition:
    """``cursor`` is where the pass that began at ``begun`` continues, null at its beginning; ``clean`` while it has
    found no waiting image.

    Images uploaded before ``settled_before`` have ended: a clean pass confirmed it. They are not looked up in the
    database again until ``asked_about_all``, when a pass last looked up every image, is a day ago. So a serverless
    database can pause while no image comes; a query every five minutes would keep it running (and billed) all day.
    """

    cursor: str | None = None
    begun: datetime | None = None
    clean: bool = True
    settled_before: datetime | None = None
    asked_about_all: datetime | None = None

    def at(self, now: datetime) -> SweepPosition:
        """The position to sweep from: this one, or the beginning of a new pass.

        A position in the future was written while a clock was wrong: images that it calls settled may be yet to
        come, so none are.
        """
        moments = (self.begun, self.settled_before, self.asked_about_all)
        if any(moment is not None and moment > now + _CLOCKS_DIFFER for moment in moments):
            return SweepPosition(begun=now)
        if self.cursor is not None and self.begun is not None:
            return self
        fresh = self.asked_about_all is not None and now - self.asked_about_all < _ASK_ABOUT_ALL_EVERY
        if not fresh:
            return SweepPosition(begun=now)
        return SweepPosition(None, now, True, self.settled_before, self.asked_about_all)

    def after(self, next_cursor: str | None, *, clean: bool) -> SweepPosition:
        """The position after a part of the pass; a pass that ends clean settles what was there when it began."""
        clean = clean and self.clean
        if next_cursor is not None or not clean or self.begun is None:
            return SweepPosition(next_cursor, self.begun, clean, self.settled_before, self.asked_about_all)
        asked = self.asked_about_all if self.settled_before is not None else self.begun
        return SweepPosition(None, self.begun, True, self.begun - _CLOCKS_DIFFER, asked)


class SweepPositionBlob(KeptState[SweepPosition]):
    """The position, kept in the quarantine container (the trigger does not watch it)."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        super().__init__(service, container, _NAME, SweepPosition)
