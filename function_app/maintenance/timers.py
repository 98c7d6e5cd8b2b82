"""The timer triggers: the sweep and the purge."""

from __future__ import annotations

import logging
import os
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.errors import ContainerMissing
from function_app.maintenance.purge import timed_purge
from function_app.maintenance.sweep import Budget, timed_sweep
from function_app.telemetry.observing import measure_oldest_waiting
from function_app.workflow.resources import resources

blueprint = Blueprint()
log = logging.getLogger("function_app.triggers")

# Read when the worker indexes the app.
_SWEEP_SCHEDULE = os.environ.get("SWEEP_SCHEDULE", "0 */5 * * * *")
_PURGE_SCHEDULE = os.environ.get("PURGE_SCHEDULE", "0 */5 3-5 * * *")


@blueprint.timer_trigger(arg_name="timer", schedule=_SWEEP_SCHEDULE, run_on_startup=False)
@blueprint.durable_client_input(client_name="client")
async def sweep_blobs(timer: func.TimerRequest, client: Any) -> None:
    """Start the runs that the trigger missed, a bounded part of the container at each tick."""
    try:
        report = await timed_sweep(client, resources(), Budget())
    except (
        ContainerMissing
    ) as missing:  # there is nothing to sweep until an operator creates it; health says so too
        log.error("nothing swept: %s", missing)
        return
    measure_oldest_waiting(report.waiting_since)
    log.info("sweep looked_at=%s started=%s stopped=%s", report.looked_at, report.started, report.stopped)


@blueprint.timer_trigger(arg_name="timer", schedule=_PURGE_SCHEDULE)
@blueprint.durable_client_input(client_name="client")
async def purge_finished(timer: func.TimerRequest, client: Any) -> None:
    """Purge the orchestration history of runs that ended long ago, for a minute at most; their rows stay."""
    report = await timed_purge(client, resources())
    log.info("purged=%s complete=%s", report.purged, report.complete)
    if report.refused:
        log.warning("histories that could not be purged, and stay: %s", ", ".join(report.refused[:20]))
