"""HTTP responses as data, errors as problem details (RFC 9457), and the way from a handler to the host."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import ParamSpec, TypeVar

import azure.functions as func

from function_app.errors import PipelineError, Transient
from function_app.models.codec import to_json

log = logging.getLogger("function_app.http_api")
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class ApiResponse:
    """A status, a body as text, and headers."""

    status: int
    body: str = ""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """Problem details (RFC 9457). ``type`` is about:blank, so ``title`` is the HTTP status phrase; ``reason`` is a
    stable code; ``parameter`` names the parameter at fault.
    """

    title: str
    status: int
    detail: str
    reason: str
    parameter: str | None = None
    type: str = "about:blank"


class BadParameter(PipelineError):  # noqa: N818  (named like function_app.errors)
    """A parameter of the request is wrong; ``parameter`` names it."""

    reason = "bad_parameter"

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(detail)
        self.parameter = parameter


class NotFound(PipelineError):  # noqa: N818  (named like function_app.errors)
    """Nothing has this id, name or path."""

    reason = "not_found"


async def respond(work: Awaitable[ApiResponse]) -> func.HttpResponse:
    """The host's response. Our errors become problem details; any other is logged and answered without details."""
    try:
        response = await work
    except PipelineError as error:
        response = problem_of(error)
    except Exception:  # otherwise the host would answer 500 without a body
        log.exception("a request failed unexpectedly")
        response = problem(500, "unexpected_error", "The request failed unexpectedly; see the log.")
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", **response.headers}
    return func.HttpResponse(
        response.body,
        status_code=response.status,
        headers=headers,
        mimetype=response.content_type,
        charset="utf-8",
    )


async def in_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking call (storage, database) in a thread, so that it does not block the event loop."""
    return await asyncio.to_thread(work, *args, **kwargs)


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> ApiResponse:
    """A response in JSON; models are encoded by the codec."""
    return ApiResponse(status, json.dumps(to_json(body)), headers=headers or {})


def problem(status: int, reason: str, detail: str, parameter: str | None = None) -> ApiResponse:
    """An error as a response."""
    body = Problem(HTTPStatus(status).phrase, status, detail, reason, parameter)
    return ApiResponse(status, json.dumps(to_json(body)), "application/problem+json")


def problem_of(error: PipelineError) -> ApiResponse:
    """400 naming the parameter, 404, or 503 with Retry-After."""
    if isinstance(error, BadParameter):
        return problem(400, error.reason, error.detail, error.parameter)
    if isinstance(error, NotFound):
        return problem(404, error.reason, error.detail)
    if isinstance(error, Transient):
        response = problem(503, error.reason, error.detail)
        return ApiResponse(response.status, response.body, response.content_type, {"Retry-After": "5"})
    return problem(500, error.reason, error.detail)


def with_etag(response: ApiResponse, if_none_match: str | None) -> ApiResponse:
    """The response with an ETag of its body; 304 without a body if the client already has it."""
    etag = f'"{hashlib.sha256(response.body.encode()).hexdigest()[:20]}"'
    headers = {**response.headers, "ETag": etag}
    known = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    if etag in known or "*" in known:
        return ApiResponse(304, "", response.content_type, headers)
    return ApiResponse(response.status, response.body, response.content_type, headers)
