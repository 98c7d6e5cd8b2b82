"""Inline constraints of ASP.NET route templates: `{id:int}`, `{name:length(1,8)}` (contract D).

A constraint is a predicate over the decoded text of a parameter, culture-invariant as in .NET.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime

Predicate = Callable[[str], bool]

_INTEGER = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_DECIMAL = re.compile(r"\s*[+-]?(\d[\d,]*\.?\d*|\.\d+)\s*", re.ASCII)
_FLOAT = re.compile(r"\s*(?:[+-]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|NaN|-?Infinity)\s*", re.ASCII)
_DATES = ("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")


def constraint(text: str) -> Predicate:
    """The predicate for `int`, `range(1,9)`, ...; raises ValueError for one that ASP.NET does not know."""
    name, _, rest = text.partition("(")
    argument = rest.removesuffix(")") if rest else None
    if argument is None and name in _SIMPLE:
        return _SIMPLE[name]
    if argument is not None and name in _WITH_ARGUMENT:
        return _WITH_ARGUMENT[name](argument)
    raise ValueError(f"unknown route constraint {text!r}")


def _integer_within(low: int, high: int) -> Predicate:
    return lambda text: bool(_INTEGER.fullmatch(text)) and low <= int(text) <= high


def _is_datetime(text: str) -> bool:
    try:
        datetime.fromisoformat(text.strip())
        return True
    except ValueError:
        return any(_parses(text.strip(), form) for form in _DATES)


def _parses(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
        return True
    except ValueError:
        return False


def _is_guid(text: str) -> bool:
    bare = text.strip()
    if (bare[:1], bare[-1:]) in {("{", "}"), ("(", ")")}:
        bare = bare[1:-1]
    if not re.fullmatch(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", bare):
        return False
    return bool(uuid.UUID(bare))


def _length(argument: str) -> Predicate:
    bounds = [int(part) for part in argument.split(",")]
    low, high = bounds[0], bounds[-1]
    return lambda text: low <= len(text) <= high


def _range(argument: str) -> Predicate:
    low, high = (int(part) for part in argument.split(","))
    return _integer_within(low, high)


def _regex(argument: str) -> Predicate:
    pattern = re.compile(argument, re.IGNORECASE)
    return lambda text: pattern.search(text) is not None


_INT64 = 2**63
_SIMPLE: dict[str, Predicate] = {
    "alpha": lambda text: re.fullmatch(r"[a-z]*", text, re.IGNORECASE | re.ASCII) is not None,
    "bool": lambda text: text.strip().lower() in {"true", "false"},
    "datetime": _is_datetime,
    "decimal": lambda text: _DECIMAL.fullmatch(text) is not None,
    "double": lambda text: _FLOAT.fullmatch(text) is not None,
    "float": lambda text: _FLOAT.fullmatch(text) is not None,
    "guid": _is_guid,
    "int": _integer_within(-(2**31), 2**31 - 1),
    "long": _integer_within(-_INT64, _INT64 - 1),
    "required": lambda text: text != "",
}
_WITH_ARGUMENT: dict[str, Callable[[str], Predicate]] = {
    "length": _length,
    "minlength": lambda argument: lambda text, low=int(argument): len(text) >= low,  # type: ignore[misc]
    "maxlength": lambda argument: lambda text, high=int(argument): len(text) <= high,  # type: ignore[misc]
    "min": lambda argument: _integer_within(int(argument), _INT64 - 1),
    "max": lambda argument: _integer_within(-_INT64, int(argument)),
    "range": _range,
    "regex": _regex,
}
