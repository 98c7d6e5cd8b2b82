"""HTTP answers as data, and the one shape of errors: problem details (RFC 9457). Pure."""

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


@dataclass(frozen=True)
class Answer:
    """A status, a body as text, and headers."""

    status: int
    body: str = ""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """Problem details (RFC 9457): ``type`` is about:blank, so ``title`` is HTTP's own; ``reason`` is our stable code.

    ``parameter`` names the one that is wrong.
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
    """There is nothing under this address."""

    reason = "not_found"


def json_answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer in JSON; models are encoded by the codec."""
    return Answer(status, json.dumps(to_json(body)), headers=headers or {})


def problem(status: int, reason: str, detail: str, parameter: str | None = None) -> Answer:
    """An error as an answer."""
    body = Problem(HTTPStatus(status).phrase, status, detail, reason, parameter)
    return Answer(status, json.dumps(to_json(body)), "application/problem+json")


def problem_of(error: PipelineError) -> Answer:
    """400 naming the parameter, 404, or 503 with the time to come back."""
    if isinstance(error, BadParameter):
        return problem(400, error.reason, error.detail, error.parameter)
    if isinstance(error, NotFound):
        return problem(404, error.reason, error.detail)
    if isinstance(error, Transient):
        answer = problem(503, error.reason, error.detail)
        return Answer(answer.status, answer.body, answer.content_type, {"Retry-After": "5"})
    return problem(500, error.reason, error.detail)


def with_etag(answer: Answer, if_none_match: str | None) -> Answer:
    """The answer with an ETag of its body; 304 without a body when the caller has that very one."""
    etag = f'"{hashlib.sha256(answer.body.encode()).hexdigest()[:20]}"'
    headers = {**answer.headers, "ETag": etag}
    known = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    if etag in known or "*" in known:
        return Answer(304, "", answer.content_type, headers)
    return Answer(answer.status, answer.body, answer.content_type, headers)


log = logging.getLogger("function_app.http_api")
P = ParamSpec("P")
T = TypeVar("T")


async def respond(work: Awaitable[Answer]) -> func.HttpResponse:
    """The response. Our errors become problem details; anything else is logged and tells nothing."""
    try:
        answer = await work
    except PipelineError as error:
        answer = problem_of(error)
    except Exception:  # the last line before the host would answer 500 without a body
        log.exception("a request failed unexpectedly")
        answer = problem(500, "unexpected_error", "The request failed; the log has the reason.")
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", **answer.headers}
    return func.HttpResponse(
        answer.body, status_code=answer.status, headers=headers, mimetype=answer.content_type, charset="utf-8"
    )


async def aside(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a blocking call (storage, database) in a thread: the event loop serves everyone."""
    return await asyncio.to_thread(work, *args, **kwargs)
