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

# Metadata of a field that was added later: it is left out while None, so that an orchestration begun by an earlier
# version still produces exactly the actions that its history records.
ABSENT_WHEN_NONE = "absent_when_none"
# Metadata of a field whose Python name has changed: the key it keeps in JSON, for histories and for the other version
# of this app during an upgrade.
JSON_KEY = "json_key"

_PLAIN = frozenset({str, int, float, bool, type(None)})


def to_json(value: object) -> Any:
    """A JSON value (dict, list, str, int, float, bool, None) for a model or a container of models."""
    kind: Any = type(value)
    return value if kind in _PLAIN else _encoder_of(kind)(value)


@cache
def _encoder_of(kind: Any) -> Callable[[Any], Any]:
    """The encoder of a type, worked out once: a page of 1,000 runs holds some 17,000 values."""
    if issubclass(kind, datetime):
        return format_time
    if dataclasses.is_dataclass(kind):
        fields = dataclasses.fields(kind)
        absent = frozenset(json_key(f) for f in fields if f.metadata.get(ABSENT_WHEN_NONE))
        renamed = {f.name: json_key(f) for f in fields if JSON_KEY in f.metadata}
        return partial(_model_to_json, absent, renamed)
    if issubclass(kind, Enum):
        return attrgetter("value")
    if issubclass(kind, Mapping):
        return lambda values: {str(key): to_json(item) for key, item in values.items()}
    if issubclass(kind, list | tuple):
        return lambda values: [to_json(item) for item in values]
    return lambda value: value


def _model_to_json(
    absent_when_none: frozenset[str], renamed: Mapping[str, str], model: object
) -> dict[str, Any]:
    # Our models have no slots: their __dict__ holds the fields, in the order in which they are declared.
    encoded = dict(vars(model))
    if renamed:
        encoded = {renamed.get(name, name): item for name, item in encoded.items()}
    for key, item in encoded.items():
        if type(item) not in _PLAIN:
            encoded[key] = to_json(item)
    for key in absent_when_none:
        if encoded[key] is None:
            del encoded[key]
    return encoded


def json_key(field: dataclasses.Field[Any]) -> str:
    """The key of a model's field in JSON: its name, or the one it had first."""
    return str(field.metadata.get(JSON_KEY, field.name))


def from_json(model: type[T], data: object) -> T:
    """The model out of its JSON value. Raises ValueError, TypeError or KeyError on anything else."""
    return typing.cast("T", _decode(model, data))


def format_time(moment: datetime) -> str:
    """A moment as text in UTC with microseconds; sorts as text. Naive times are taken as UTC."""
    if moment.tzinfo is UTC:  # true of every time the store returns: one call instead of four
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
        fields = _fields(typing.cast("type", kind))
        known = {name: _decode(hint, data[key]) for name, key, hint in fields if key in data}
        return typing.cast("type", kind)(**known)
    if kind is datetime:
        return parse_time(data)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if isinstance(kind, type) and not isinstance(data, kind):
        raise ValueError(f"expected {kind.__name__}, got {type(data).__name__}")
    return data


@cache
def _fields(model: Any) -> tuple[tuple[str, str, Any], ...]:
    """(name, key in JSON, type) of each field."""
    hints = typing.get_type_hints(model)
    return tuple((field.name, json_key(field), hints[field.name]) for field in dataclasses.fields(model))
