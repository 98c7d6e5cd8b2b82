"""What Durable knows of one run: adapter over the Durable client, whose errors become Transient.

Only look-ups by id: on Azure Storage those are point reads, and anything else reads the whole history (ADR 11).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from function_app.errors import Transient
from function_app.models.codec import as_utc, from_json
from function_app.models.runs import Progress, RunRequest, RunResult

T = TypeVar("T")

LOOKUPS_AT_ONCE = 16  # Durable's client keeps 30 connections


class State(StrEnum):
    """The state of a run, as shown to people."""

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
    """One orchestration as Durable reports it; ``result`` once it completed, ``failure`` if it broke."""

    run_id: str
    status: str  # Durable's own word: Pending, Running, Completed, Failed, Terminated...
    created_at: datetime
    updated_at: datetime | None = None
    request: RunRequest | None = None
    progress: Progress | None = None
    result: RunResult | None = None
    failure: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether it may still end in a row."""
        return self.status in ("Pending", "Running", "ContinuedAsNew", "Suspended")

    @property
    def device_id(self) -> str | None:
        """The device that the image came from, where it is known."""
        return self.request.source.device_id if self.request else None

    @property
    def state(self) -> State:
        """Durable's status as one of our states."""
        if self.status == "Pending":
            return State.WAITING
        if self.is_active:
            return State.RETRYING if self.progress and self.progress.next_try_at else State.RUNNING
        if self.result is not None:
            return State(self.result.record.outcome)
        return State.FAILED


async def find_live_run(client: Any, run_id: str) -> LiveRun | None:
    """The orchestration of this run, live or ended; None if Durable knows none. Raises DurableUnavailable."""
    try:
        status = await client.get_status(run_id, show_input=True)
    # The SDK raises plain Exception for an unexpected answer, and aiohttp's own errors otherwise.
    except Exception as error:
        raise DurableUnavailable(f"Durable did not answer ({type(error).__name__}).") from error
    return live_run_of(status) if status else None


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
        result=_model(RunResult, output) if word == "Completed" else None,
        failure=str(output)[:500] if output and word != "Completed" else None,
    )


def _model(model: type[T], value: object) -> T | None:
    """The model, whether the value arrives as JSON text or parsed; None if it is something else."""
    try:
        parsed = json.loads(value) if isinstance(value, str) else value
        return from_json(model, parsed) if isinstance(parsed, dict) else None
    except (ValueError, TypeError, KeyError):
        return None


async def gather_bounded(calls: Sequence[Awaitable[T]]) -> list[T]:
    """Their results in order, at most ``LOOKUPS_AT_ONCE`` in flight. Raises what the first to fail raises."""
    gate = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def one(call: Awaitable[T]) -> T:
        async with gate:
            return await call

    return await asyncio.gather(*(one(call) for call in calls))
