"""Which rows a query selects: a filter as SQL conditions with parameters, and the cursor at which its page begins."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from function_app.errors import Permanent
from function_app.models.codec import parse_time
from function_app.models.runs import RunFilter
from function_app.results import rows
from function_app.results.database import Database

_BAD_CURSOR = "This is not a `next_cursor` of an earlier page."


class Unmatchable(Exception):  # noqa: N818  (a signal, never seen by callers)
    """No stored row can have such a value, so there is no need to query."""


class BadCursor(Permanent):
    """The text is not a cursor of this API."""

    reason = "bad_cursor"


@dataclass(frozen=True)
class PageEnd:
    """The last run of a page in the order (committed_at, recent_id), newest first."""

    committed_at: datetime
    recent_id: int


def conditions_of(
    database: Database, which: RunFilter, before: PageEnd | None = None
) -> tuple[list[str], list[Any]]:
    """The conditions of a filter, in a fixed order, and their parameters. Raises Unmatchable."""
    statements = database.statements
    chosen: list[tuple[str, list[Any]]] = []
    if which.outcome is not None:
        chosen.append((statements.where_outcome, [str(which.outcome)]))
    if which.reason is not None:
        chosen.append((statements.where_reason, [_word(which.reason, 64)]))
    if which.device_id is not None:
        chosen.append((statements.where_device, [_word(which.device_id, 63)]))
    if which.scorer is not None:
        chosen.append((statements.where_scorer, [_word(which.scorer, 64)]))
    if which.since is not None:
        chosen.append((statements.where_since, [database.time(which.since)]))
    if which.until is not None:
        chosen.append((statements.where_until, [database.time(which.until)]))
    if before is not None:
        when = database.time(before.committed_at)
        chosen.append((statements.where_before, [when, when, before.recent_id]))
    return [text for text, _ in chosen], [value for _, values in chosen for value in values]


def _word(text: str, length: int) -> str:
    try:
        if not text:
            raise Unmatchable
        return rows.ascii_word(text, length, "filter")
    except Permanent:
        raise Unmatchable from None


def cursor_of(end: PageEnd) -> str:
    """The cursor of a page's end: URL-safe, without padding."""
    text = f"{end.committed_at.isoformat()}|{end.recent_id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def page_end_of(cursor: str) -> PageEnd:
    """The page's end that a cursor stands for. Raises BadCursor for whatever ``cursor_of`` does not make."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        when, _, recent_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode().partition("|")
        end = PageEnd(parse_time(when), int(recent_id))
    except (ValueError, OverflowError, binascii.Error):
        raise BadCursor(_BAD_CURSOR) from None
    if cursor_of(end) != cursor or not 0 <= end.recent_id < 2**63:
        raise BadCursor(_BAD_CURSOR)
    return end
