"""What Durable knows of runs: adapter over the Durable client, whose own errors become Transient.

A live run exists nowhere else: rows are written when a run ends.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from azure.durable_functions import OrchestrationRuntimeStatus

from function_app.codec import as_utc, from_json
from function_app.errors import Transient
from function_app.models import Ending, Progress, RunRequest

T = TypeVar("T")

DURABLE_PAGE = 100
"""Instances in one answer of Durable's listing."""


class State(StrEnum):
    """The states of a run that a person understands."""

    WAITING = "waiting"
    RUNNING = "running"
    RETRYING = "retrying"
    SCORED = "scored"
    REJECTED = "rejected"
    FAILED = "failed"


class DurableUnavailable(Transient):
    """The Durable extension did not answer, or not as expected."""

    reason = "durable_unavailable"


@dataclass(frozen=True)
class LiveRun:
    """One orchestration as Durable tells of it; ``ending`` once it completed, ``failure`` if it broke."""

    run_id: str
    status: str  # Durable's own word: Pending, Running, Completed, Failed, Terminated...
    created_at: datetime
    updated_at: datetime | None = None
    request: RunRequest | None = None
    progress: Progress | None = None
    ending: Ending | None = None
    failure: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether it may still end in a row."""
        return self.status in ("Pending", "Running", "ContinuedAsNew", "Suspended")

    @property
    def device_id(self) -> str | None:
        """The device that the image came from, where it is known."""
        return self.request.lineage.device_id if self.request else None

    @property
    def state(self) -> State:
        """Our word for it."""
        if self.status == "Pending":
            return State.WAITING
        if self.is_active:
            return State.RETRYING if self.progress and self.progress.next_try_at else State.RUNNING
        if self.ending is not None:
            return State(self.ending.record.outcome)
        return State.FAILED


async def find_live_run(client: Any, run_id: str) -> LiveRun | None:
    """The orchestration of this run, live or ended; None if Durable knows none. Raises DurableUnavailable."""
    status = await _asked(client.get_status(run_id, show_input=True))
    return live_run_of(status) if status else None


# The one question under way on each event loop: a dashboard asks for figures and lists at the same moment.
_asking: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Task[list[LiveRun]]] = WeakKeyDictionary()


async def active_runs(client: Any) -> list[LiveRun]:
    """All runs that have not ended; who asks while the same is being asked gets that answer.

    Raises DurableUnavailable.
    """
    loop = asyncio.get_running_loop()
    task = _asking.get(loop)
    if task is None or task.done():
        task = _asking[loop] = loop.create_task(_active_runs(client))
    # Shielded: a caller that goes away must not take the others' answer along.
    return await asyncio.shield(task)


async def _active_runs(client: Any) -> list[LiveRun]:
    return [live_run_of(status) for status in (await _active_statuses(client, "")).values()]


async def _active_statuses(client: Any, prefix: str) -> dict[str, Any]:
    """Durable's statuses of active runs whose ids begin so, by id.

    Durable lists 100 instances at a time and the SDK never asks for the next hundred
    (azure-functions-durable-python#580): a full page is asked for again, by the next digit of the run ids.
    """
    active = [OrchestrationRuntimeStatus.Running, OrchestrationRuntimeStatus.Pending]
    narrowed = {"instance_id_prefix": prefix} if prefix else {}
    page = await _asked(client.get_status_by(runtime_status=active, **narrowed))
    found = {str(status.instance_id): status for status in page}
    if len(page) >= DURABLE_PAGE:
        for digit in "0123456789abcdef":
            found |= await _active_statuses(client, prefix + digit)
    return found


# What runs were started with, by (run id, created at): it never changes. A listing leaves it out.
_requests: dict[tuple[str, datetime], RunRequest] = {}
_MOST_KEPT, _MOST_ASKED = 5_000, 100


async def with_requests(client: Any, runs: Sequence[LiveRun]) -> list[LiveRun]:
    """The listed runs with their images and devices; each is asked once, the first hundred unknown ones of a call.

    A run whose turn has not come is left as it is. Raises DurableUnavailable.
    """
    untold = [run for run in runs if run.request is None]
    unknown = [run for run in untold if (run.run_id, run.created_at) not in _requests][:_MOST_ASKED]
    answers = await asyncio.gather(*(find_live_run(client, run.run_id) for run in unknown))
    for run, answer in zip(unknown, answers, strict=True):
        if answer is not None and answer.request is not None:
            if len(_requests) >= _MOST_KEPT:
                _requests.clear()
            _requests[run.run_id, run.created_at] = answer.request
    return [replace(run, request=run.request or _requests.get((run.run_id, run.created_at))) for run in runs]


def live_run_of(status: Any) -> LiveRun:
    """A LiveRun out of the SDK's status object."""
    word = status.runtime_status.name if status.runtime_status else "Pending"
    output = status.output
    return LiveRun(
        run_id=str(status.instance_id),
        status=word,
        created_at=as_utc(status.created_time),
        updated_at=as_utc(status.last_updated_time) if status.last_updated_time else None,
        request=_model(RunRequest, status.input_),
        progress=_model(Progress, status.custom_status),
        ending=_model(Ending, output) if word == "Completed" else None,
        failure=str(output)[:500] if output and word != "Completed" else None,
    )


def _model(model: type[T], value: object) -> T | None:
    """The model, whether the value arrives as JSON text or parsed; None if it is something else."""
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
        return from_json(model, parsed) if isinstance(parsed, dict) else None
    except (ValueError, TypeError, KeyError):
        return None


async def _asked(question: Awaitable[T]) -> T:
    try:
        return await question
    # The SDK raises plain Exception for an unexpected answer, and aiohttp's own errors otherwise.
    except Exception as error:
        raise DurableUnavailable(f"Durable did not answer ({type(error).__name__}).") from error
