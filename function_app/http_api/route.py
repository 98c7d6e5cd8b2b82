"""From a handler's Answer, or its error, to the HTTP response; the same for every route."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import azure.functions as func

from function_app.errors import PipelineError
from function_app.http_api.answers import Answer, problem, problem_of

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
