"""Query parameters to filters; an invalid one is named in the error, never guessed at. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from urllib.parse import parse_qsl

import azure.functions as func

from function_app.http_api.responses import BadParameter
from function_app.models.codec import parse_time
from function_app.models.runs import Outcome, RunFilter
from function_app.workflow.live_runs.durable_status import State

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
DURATION = r"[1-9][0-9]{0,4}[smhd]"
"""The grammar of a duration, such as 15m; OpenAPI publishes it, the commands have it too."""
_LONGEST = timedelta(days=3660)
# RFC 3339's extended form, with or without time and zone. Python alone would read 1764021512345, a time in
# milliseconds, as a day of the year 1764.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_SPACE_FOR_PLUS = re.compile(r"(?<=[0-9]) (?=[0-9]{2}:?[0-9]{2}$)")  # of an offset, where nobody escaped it
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LARGEST_PAGE = 1_000
_ENDED_STATES = (State.SCORED, State.REJECTED, State.FAILED)
_MARK = "blobs:"


def parameters(req: func.HttpRequest, known: Collection[str]) -> dict[str, str]:
    """The request's parameters. Raises BadParameter for one that is not in ``known`` or occurs twice.

    Read from the URL, because the host drops those with an empty value and joins repeated ones. The URL begins with
    the Host header, which may be anything, so it is not parsed as a whole.
    """
    given: dict[str, str] = {}
    text = req.url.partition("#")[0].partition("?")[2]
    for name, value in parse_qsl(text, keep_blank_values=True, errors="replace"):
        if name in given:
            raise BadParameter(name, "The parameter occurs twice.")
        given[name] = value
    check_known(given, known)
    return given


def check_known(given: Collection[str], known: Collection[str]) -> None:
    """Raise BadParameter for a parameter that this route does not have: a typo must not widen a filter."""
    for name in given:
        if name not in known and name != "code":  # the Functions host's own parameter for keys
            raise BadParameter(name, f"Unknown parameter. Known: {', '.join(sorted(known))}.")


def run_filter(query: Mapping[str, str], now: datetime) -> RunFilter:
    """The filter for ended runs. ``since`` and ``until`` are ISO 8601 or durations back from now."""
    wanted = state(query)
    return RunFilter(
        outcome=Outcome(wanted) if wanted in _ENDED_STATES else None,
        reason=code(query, "reason"),
        device_id=code(query, "device"),
        scorer=code(query, "scorer"),
        since=moment(query, "since", now),
        until=moment(query, "until", now),
    )


def state(query: Mapping[str, str]) -> State | None:
    """The requested state."""
    text = query.get("state")
    if text is None:
        return None
    try:
        return State(text)
    except ValueError:
        raise BadParameter("state", f"Must be one of: {', '.join(State)}.") from None


def limit(query: Mapping[str, str]) -> int:
    """How many to list: 1 to 1,000, by default 100."""
    return number(query, "limit", 100, LARGEST_PAGE)


def moment(query: Mapping[str, str], name: str, now: datetime) -> datetime | None:
    """A moment: ISO 8601, or a duration back from now."""
    text = query.get(name)
    if text is None:
        return None
    if re.fullmatch(DURATION, text):
        return now - span(query, name)
    try:
        if _MOMENT.fullmatch(text) is None:
            text = _SPACE_FOR_PLUS.sub("+", text)
        if _MOMENT.fullmatch(text) is None:
            raise ValueError(name)
        return parse_time(text)
    except (ValueError, OverflowError):
        raise BadParameter(
            name,
            "Must be an ISO 8601 date-time, such as 2026-01-31T12:00:00Z, or a duration, such as 15m, 24h or 7d.",
        ) from None


def span(query: Mapping[str, str], name: str) -> timedelta:
    """Must be a duration, such as 90s, 15m, 24h, 7d, of at most 3660d."""
    text = query.get(name, "")
    if re.fullmatch(DURATION, text) is None:
        raise BadParameter(name, "Must be a duration, such as 90s, 15m, 24h or 7d.")
    wanted = timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
    if wanted > _LONGEST:
        raise BadParameter(name, f"Must be at most {_LONGEST.days}d.")
    return wanted


def code(query: Mapping[str, str], name: str) -> str | None:
    """A device, reason or scorer."""
    text = query.get(name)
    if text is not None and _CODE.fullmatch(text) is None:
        raise BadParameter(name, "Must be at most 64 letters, digits, dots, dashes and underscores.")
    return text


def flag(query: Mapping[str, str], name: str) -> bool:
    """true or false; absent is false."""
    text = query.get(name, "false").lower()
    if text not in ("true", "false"):
        raise BadParameter(name, "Must be true or false.")
    return text == "true"


def number(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A whole number from 1 to ``most``."""
    text = query.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise BadParameter(name, f"Must be a whole number from 1 to {most}.")
    return int(text)


def sweep_cursor(query: Mapping[str, str]) -> str | None:
    """The storage listing's own marker, out of the cursor of an earlier response."""
    text = query.get("cursor")
    if text is None:
        return None
    try:
        marker = base64.b64decode(
            text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
        ).decode()
    except ValueError:  # also binascii's and the decoders' errors
        marker = ""
    if not marker.startswith(_MARK) or not marker.isprintable():
        raise BadParameter("cursor", "This is not a `next_cursor` of an earlier response.")
    return marker.removeprefix(_MARK)


def sweep_cursor_text(marker: str | None) -> str | None:
    """A marker as a cursor: opaque, and safe in a URL."""
    if marker is None:
        return None
    return base64.urlsafe_b64encode((_MARK + marker).encode()).decode().rstrip("=")
