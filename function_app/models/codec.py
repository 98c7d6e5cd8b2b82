"""The one JSON codec of the models: frozen dataclasses to plain JSON values and back.

Unknown fields are ignored and missing ones take their defaults, so a history or a custom status
written by another version of this app still reads. Times are ``YYYY-MM-DDTHH:MM:SS.ffffffZ`` on
the way out and any ISO 8601 on the way in (the Durable extension re-formats what looks like a date).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache, partial
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")

# Metadata of a field that came later: without a value it leaves no mark, so that the actions of an orchestration
# begun by an earlier version stay the very same.
ABSENT_WHEN_NONE = "absent_when_none"

_PLAIN = frozenset({str, int, float, bool, type(None)})


def to_json(value: object) -> Any:
    """A JSON value (dict, list, str, int, float, bool, None) for a model or a container of models."""
    kind: Any = type(value)
    return value if kind in _PLAIN else _encoder_of(kind)(value)


@cache
def _encoder_of(kind: Any) -> Callable[[Any], Any]:
    """How values of a type are written: found out once, because a page of 1,000 runs holds some 17,000 of them."""
    if issubclass(kind, datetime):
        return format_time
    if dataclasses.is_dataclass(kind):
        absent = {f.name for f in dataclasses.fields(kind) if f.metadata.get(ABSENT_WHEN_NONE)}
        return partial(_model_to_json, frozenset(absent))
    if issubclass(kind, Enum):
        return attrgetter("value")
    if issubclass(kind, Mapping):
        return lambda values: {str(key): to_json(item) for key, item in values.items()}
    if issubclass(kind, list | tuple):
        return lambda values: [to_json(item) for item in values]
    return lambda value: value


def _model_to_json(absent_when_none: frozenset[str], model: object) -> dict[str, Any]:
    # Our models have no slots: their __dict__ holds the fields, in the order in which they are declared.
    encoded = dict(vars(model))
    for name, item in encoded.items():
        if type(item) not in _PLAIN:
            encoded[name] = to_json(item)
    for name in absent_when_none:
        if encoded[name] is None:
            del encoded[name]
    return encoded


def from_json(model: type[T], data: object) -> T:
    """The model out of its JSON value. Raises ValueError, TypeError or KeyError on anything else."""
    return typing.cast("T", _decode(model, data))


def format_time(moment: datetime) -> str:
    """A moment as text in UTC with microseconds; sorts as text. Naive times are taken as UTC."""
    if moment.tzinfo is UTC:  # as every moment of the store is: one call instead of four
        return moment.isoformat(timespec="microseconds")[:26] + "Z"
    return as_utc(moment).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_time(text: str) -> datetime:
    """A moment out of ISO 8601 text; without an offset it is UTC. Raises ValueError."""
    return as_utc(datetime.fromisoformat(text))


def as_utc(moment: datetime) -> datetime:
    """The same moment, aware and in UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _decode(kind: Any, data: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if data is None:
            return None
        return _decode(next(a for a in typing.get_args(kind) if a is not type(None)), data)
    if origin is tuple:
        return tuple(_decode(typing.get_args(kind)[0], item) for item in data)
    if dataclasses.is_dataclass(kind):
        hints = _hints(typing.cast("type", kind))
        known = {name: _decode(hint, data[name]) for name, hint in hints.items() if name in data}
        return typing.cast("type", kind)(**known)
    if kind is datetime:
        return parse_time(data)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if isinstance(kind, type) and not isinstance(data, kind):
        raise ValueError(f"expected {kind.__name__}, got {type(data).__name__}")
    return data


@cache
def _hints(model: type) -> dict[str, Any]:
    return typing.get_type_hints(model)
