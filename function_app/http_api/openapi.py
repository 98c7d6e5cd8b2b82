"""``/api/openapi.json``: the API's description, generated from the models and the table of operations."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.http_api.operations import OPERATIONS, Operation
from function_app.http_api.responses import ApiResponse, Problem, json_response, respond
from function_app.models.codec import json_key

_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    datetime: {"type": "string", "format": "date-time"},
}

blueprint = Blueprint()


@blueprint.route(route="openapi.json", methods=["GET"])
async def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """This API in OpenAPI 3.1."""
    return await respond(_response())


async def _response() -> ApiResponse:
    return json_response(document())


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    schemas: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Image scoring",
            "version": "1",
            "description": "The state and result of each image. Errors are problem details (RFC 9457).",
        },
        "servers": [{"url": "/api"}],
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "x-functions-key"}},
        },
    }


def _described(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": schema_of(Problem, schemas)}}
    responses: dict[str, Any] = {
        "503": {"description": "Storage, database or Durable is unavailable.", "content": problem}
    }
    if operation.needs_key:
        responses["401"] = {
            "description": "The function key is missing or wrong. Sent by the host, without a body."
        }
    for status, meaning in operation.problems.items():
        responses[str(status)] = {"description": meaning, "content": problem}
    for status, (meaning, model) in operation.responses.items():
        kinds = () if model is None else operation.content_types
        content = {kind: {"schema": _schema(model, schemas)} for kind in kinds}
        responses[str(status)] = {"description": meaning, "content": content}
    described = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [parameter.described() for parameter in operation.parameters],
        "responses": responses,
    }
    return described if operation.needs_key else {**described, "security": []}


def _schema(model: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    if model is bytes:
        return {}  # any bytes
    return {"type": "string"} if model is str else schema_of(model, schemas)


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
        known[model.__name__] = {}  # reserved first: models may refer to each other
        hints = typing.get_type_hints(model)
        fields = dataclasses.fields(model)
        known[model.__name__] = {
            "type": "object",
            "description": inspect.getdoc(model) or "",
            "properties": {json_key(f): _property(f, hints[f.name], known) for f in fields},
            "required": [json_key(f) for f in fields if not f.metadata.get("absent_when_none")],
        }
    return _reference(model)


def _property(field: dataclasses.Field[Any], hint: Any, known: dict[str, Any]) -> dict[str, Any]:
    replacement = field.metadata.get("deprecated_for")
    schema = schema_of(hint, known)
    if replacement is None:
        return schema
    return {
        **schema,
        "deprecated": True,
        "description": f"Replaced by `{replacement}`, which has the same content.",
    }


def _reference(model: type) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}
