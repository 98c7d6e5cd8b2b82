"""A filter as conditions and parameters."""

from __future__ import annotations

from typing import Any

from function_app.errors import Permanent
from function_app.models import RunFilter
from function_app.results import rows
from function_app.results.cursor import PageEnd
from function_app.results.database import Database


class Unmatchable(Exception):  # noqa: N818  (a signal, never seen by callers)
    """No stored row can have such a value, so that nobody need be asked."""


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
