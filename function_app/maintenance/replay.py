"""Replay: an image that was rejected or given up is run again, under its own id and the next attempt.

A replay that ends replaces the outcome; the store keeps the earlier one. Two people asking at once ask for the same
attempt of the same run, so that one execution and one row come of it whether Durable accepts both starts or one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from function_app.models.runs import ImageVersion, Lineage, Outcome, RunRecord, RunRequest
from function_app.workflow.live_runs.instances import find_live_run
from function_app.workflow.starting import Started, begin


class Replayed(StrEnum):
    """What became of a wish to replay."""

    STARTED = "started"
    ALREADY_RUNNING = "already_running"
    SCORED_ALREADY = "scored_already"


@dataclass(frozen=True)
class ReplayAnswer:
    """One run's replay; ``attempt`` is the one that is now under way (or stands, if scored)."""

    run_id: str
    replayed: Replayed
    attempt: int


async def replay(client: Any, record: RunRecord, note: Callable[[RunRequest], None]) -> ReplayAnswer:
    """Start the next attempt of a stored run; ``note`` takes it into the list of living ones.

    Raises DurableUnavailable.
    """
    if record.outcome is Outcome.SCORED:
        return ReplayAnswer(record.run_id, Replayed.SCORED_ALREADY, record.attempt)
    request = next_attempt(record)
    if await _is_running(client, record.run_id):
        return ReplayAnswer(record.run_id, Replayed.ALREADY_RUNNING, request.attempt)
    started = await begin(client, request, note)
    replayed = Replayed.STARTED if started is Started.NOW else Replayed.ALREADY_RUNNING
    return ReplayAnswer(record.run_id, replayed, request.attempt)


def next_attempt(record: RunRecord) -> RunRequest:
    """The request of the attempt after the stored one."""
    return RunRequest(
        run_id=record.run_id,
        image=ImageVersion(record.container, record.blob_name, record.etag, record.size_bytes),
        lineage=Lineage(
            device_id=record.device_id,
            source_name=record.source_name,
            captured_at=record.captured_at,
            uploaded_at=record.uploaded_at,
            # The row has what the run found, not what the uploader said: that is asked of the blob (steps.validate).
            sha256=None,
        ),
        attempt=record.attempt + 1,
    )


async def _is_running(client: Any, run_id: str) -> bool:
    live = await find_live_run(client, run_id)
    return live is not None and live.is_active
