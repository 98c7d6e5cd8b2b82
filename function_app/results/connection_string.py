"""ODBC connection strings: read, completed and written without ever being shown."""

from __future__ import annotations

import re
from collections.abc import Mapping

from function_app.errors import Misconfigured

_PAIR = re.compile(r"\s*([^=;{}]+?)\s*=\s*(\{(?:[^}]|\}\})*\}|(?!\{)[^;]*?)\s*(?:;|$)")


def parse(text: str) -> dict[str, str]:
    """Keywords (lower-case) and values (as written, braces kept), in order; the first of two wins, as in ODBC.

    Raises Misconfigured, quoting nothing, where the text is not of the form ``key=value;key={value}``.
    """
    pairs: dict[str, str] = {}
    at = 0
    while text[at:].strip(" ;"):
        found = _PAIR.match(text, at)
        if found is None:
            raise Misconfigured("SQL_CONNECTION_STRING is not of the form key=value;key=value")
        pairs.setdefault(found.group(1).lower(), found.group(2))
        at = found.end()
        while text[at : at + 1] == ";":
            at += 1
    return pairs


def write(pairs: Mapping[str, str]) -> str:
    """The text of the pairs."""
    return ";".join(f"{key}={value}" for key, value in pairs.items())
