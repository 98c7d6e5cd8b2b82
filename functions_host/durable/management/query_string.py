"""Query parameters as .NET reads them: names and booleans ignore case, unreadable values count as absent."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from aiohttp import web

from functions_host.durable.events import parse_time
from functions_host.durable.status import Status, status_from_label

_CARRIED_ON = {"taskhub": "taskHub", "connection": "connection", "code": "code"}


class QueryString:
    """The parameters of one request."""

    def __init__(self, request: web.Request) -> None:
        self._values = {key.lower(): value for key, value in request.query.items()}

    def text(self, name: str) -> str | None:
        """The value as it is."""
        return self._values.get(name.lower())

    def flag(self, name: str, *, default: bool = False) -> bool:
        """`true`, `True`, `false`, ..."""
        return {"true": True, "false": False}.get((self.text(name) or "").strip().lower(), default)

    def number(self, name: str) -> float | None:
        """A non-negative number of seconds."""
        try:
            value = float(self.text(name) or "")
        except ValueError:
            return None
        return value if value >= 0 else None

    def count(self, name: str) -> int | None:
        """A whole number of at least 1."""
        value = self.text(name) or ""
        return (
            int(value) if value.isascii() and value.isdigit() and 0 < len(value) < 10 and int(value) else None
        )

    def time(self, name: str) -> datetime | None:
        """An ISO-8601 time, UTC unless it says otherwise."""
        try:
            return parse_time(self.text(name) or "")
        except ValueError:
            return None

    def statuses(self, name: str) -> list[Status] | None:
        """Comma-separated statuses; unknown names are skipped."""
        found = [status_from_label(part) for part in (self.text(name) or "").split(",")]
        return [status for status in found if status is not None] or None

    def carried_on(self) -> str:
        """The parameters that follow-up URLs must repeat (hub, connection, key)."""
        return urlencode(
            {_CARRIED_ON[key]: value for key, value in self._values.items() if key in _CARRIED_ON}
        )
