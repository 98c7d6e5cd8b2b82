"""Replay: runs a rejected or failed image again, under the same run id and the next attempt number.

A replay that ends replaces the outcome; the store keeps the earlier one. Two people who replay a run at once request
the same attempt of it, so there is one execution and one row whether Durable accepts both starts or one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from function_app.models.runs import ImageVersion, Outcome, RunRecord, RunRequest, SourceMetadata
from function_app.workflow.live_runs.durable_status import find_live_run
from function_app.workflow.starting import Started, begin


class Replayed(StrEnum):
    """What became of a request to replay a run."""

    STARTED = "started"
    ALREADY_RUNNING = "already_running"
    SCORED_ALREADY = "scored_already"


@dataclass(frozen=True)
class ReplayAnswer:
    """The replay of one run. ``attempt`` is the one now under way, or for a scored run the one that scored it."""

    run_id: str
    replayed: Replayed
    attempt: int


async def replay(client: Any, record: RunRecord, on_started: Callable[[RunRequest], None]) -> ReplayAnswer:
    """Start the next attempt of a stored run; ``on_started`` is called if this call started it.

    Raises DurableUnavailable.
    """
    if record.outcome is Outcome.SCORED:
        return ReplayAnswer(record.run_id, Replayed.SCORED_ALREADY, record.attempt)
    request = next_attempt(record)
    if await _is_running(client, record.run_id):
        return ReplayAnswer(record.run_id, Replayed.ALREADY_RUNNING, request.attempt)
    started = await begin(client, request, on_started)
    replayed = Replayed.STARTED if started is Started.NOW else Replayed.ALREADY_RUNNING
    return ReplayAnswer(record.run_id, replayed, request.attempt)


def next_attempt(record: RunRecord) -> RunRequest:
    """The request of the attempt after the stored one."""
    return RunRequest(
        run_id=record.run_id,
        image=ImageVersion(record.container, record.blob_name, record.etag, record.size_bytes),
        source=SourceMetadata(
            device_id=record.device_id,
            source_name=record.source_name,
            captured_at=record.captured_at,
            uploaded_at=record.uploaded_at,
            # The row has the SHA-256 that the run computed; the uploader's is read from the blob (steps.validate).
            sha256=None,
        ),
        attempt=record.attempt + 1,
    )


async def _is_running(client: Any, run_id: str) -> bool:
    live = await find_live_run(client, run_id)
    return live is not None and live.is_active
