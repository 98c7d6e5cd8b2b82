"""JSON Schema out of the models, the same dataclasses that the codec writes. Pure."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from datetime import datetime
from enum import Enum
from typing import Any

_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
}


def schema_of(kind: Any, known: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type; models are added to ``known`` by name and referred to."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return {
            "anyOf": [schema_of(a, known) if a is not type(None) else {"type": "null"} for a in arguments]
        }
    if origin is tuple:
        return {"type": "array", "items": schema_of(arguments[0], known)}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1], known)}
    if dataclasses.is_dataclass(kind):
        return _model(typing.cast("type", kind), known)
    if isinstance(kind, type) and issubclass(kind, Enum):
        known.setdefault(kind.__name__, {"type": "string", "enum": [member.value for member in kind]})
        return _reference(kind)
    return dict(_PLAIN[kind])


def _model(model: type, known: dict[str, Any]) -> dict[str, Any]:
    if model.__name__ not in known:
        known[model.__name__] = {}  # taken first: models may refer to each other
        hints = typing.get_type_hints(model)
        absent = {f.name for f in dataclasses.fields(model) if f.metadata.get("absent_when_none")}
        known[model.__name__] = {
            "type": "object",
            "description": inspect.getdoc(model) or "",
            "properties": {name: schema_of(hint, known) for name, hint in hints.items()},
            "required": [name for name in hints if name not in absent],
        }
    return _reference(model)


def _reference(model: type) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
