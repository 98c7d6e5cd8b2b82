"""The page cursor: where the last page ended, as an opaque text."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from function_app.errors import Permanent


class BadCursor(Permanent):
    """The text is no cursor that a page gave."""

    reason = "bad_cursor"


@dataclass(frozen=True)
class PageEnd:
    """The last run of a page in the order (committed_at, recent_id), newest first."""

    committed_at: datetime
    recent_id: int


def to_text(position: PageEnd) -> str:
    """The cursor of a position: URL-safe, without padding."""
    text = f"{position.committed_at.isoformat()}|{position.recent_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def from_text(cursor: str) -> PageEnd:
    """The position of a cursor. Raises BadCursor."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        when, _, recent_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition("|")
        position = PageEnd(datetime.fromisoformat(when), int(recent_id))
    except (ValueError, binascii.Error):
        raise BadCursor("the cursor is not one that a page gave") from None
    if position.committed_at.utcoffset() is None or not 0 <= position.recent_id < 2**63:
        raise BadCursor("the cursor is not one that a page gave")
    return position
