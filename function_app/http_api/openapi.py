"""``/api/openapi.json``: the API's description, put together from the models and the table of operations."""

from __future__ import annotations

from functools import cache
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.http_api.answers import Answer, Problem, json_answer
from function_app.http_api.operations import OPERATIONS, Operation
from function_app.http_api.route import respond
from function_app.http_api.schemas import schema_of

blueprint = Blueprint()


@blueprint.route(route="openapi.json", methods=["GET"])
async def get_openapi(req: func.HttpRequest) -> func.HttpResponse:
    """This API in OpenAPI 3.1."""
    return await respond(_answer())


async def _answer() -> Answer:
    return json_answer(document())


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
            "description": "What became of each image. Errors are problem details (RFC 9457).",
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
        "503": {"description": "Storage, database or Durable is away.", "content": problem}
    }
    if operation.needs_key:
        responses["401"] = {"description": "No key, or a wrong one. The host answers this, without a body."}
    for status, meaning in operation.problems.items():
        responses[str(status)] = {"description": meaning, "content": problem}
    for status, (meaning, model) in operation.answers.items():
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
        return {}  # any bytes at all
    return {"type": "string"} if model is str else schema_of(model, schemas)
