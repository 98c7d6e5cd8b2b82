"""What starts work: a blob that arrives, and the clock."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.errors import Transient
from function_app.maintenance.purge import timed_purge
from function_app.maintenance.sweep import Budget, timed_sweep
from function_app.resources import resources
from function_app.telemetry.observing import note_failed_look, note_oldest_waiting, observed_start
from function_app.workflow.arrived_blob import ArrivedBlob
from function_app.workflow.starting import start_run

blueprint = Blueprint()
log = logging.getLogger("function_app.triggers")

# Read when the worker indexes the app. Flex Consumption accepts EventGrid only, Azurite knows none.
_BLOB_SOURCE = os.environ.get("BLOB_TRIGGER_SOURCE", "LogsAndContainerScan")
_SWEEP_SCHEDULE = os.environ.get("SWEEP_SCHEDULE", "0 */5 * * * *")
_PURGE_SCHEDULE = os.environ.get("PURGE_SCHEDULE", "0 */5 3-5 * * *")


@blueprint.blob_trigger(
    arg_name="blob", path="%IMAGE_CONTAINER%/{name}", connection="IMAGE_STORAGE", source=_BLOB_SOURCE
)
@blueprint.durable_client_input(client_name="client")
async def start_on_blob(blob: ArrivedBlob, client: Any) -> None:
    """A blob arrived: start the run of the version that is there now. Raises Transient, so that it is delivered again.

    Polling and Event Grid tell names only, and Event Grid's webhook checks nothing: one look at the blob says whether
    it is there and which version it is. What is not ours is left alone, and its delivery counts as done.
    """
    use = resources()
    if foreign := blob.why_not_of(use.settings.container):
        log.warning("nothing started for %r: %s", str(blob), foreign)
        return
    try:
        run = await asyncio.to_thread(use.blobs.present_run, blob.container, blob.name)
    except Transient as error:
        note_failed_look(error)
        raise
    if run is None:
        log.info("nothing started for %r: the blob is gone", str(blob))
        return
    with observed_start(run):
        started = await start_run(client, run, use.living.note)
    log.info("run %s started=%s", run.run_id, started)


@blueprint.timer_trigger(arg_name="timer", schedule=_SWEEP_SCHEDULE, run_on_startup=False)
@blueprint.durable_client_input(client_name="client")
async def sweep_blobs(timer: func.TimerRequest, client: Any) -> None:
    """Start the runs that the trigger missed: a bounded stretch of the container at each tick."""
    report = await timed_sweep(client, resources(), Budget())
    note_oldest_waiting(report.waiting_since)
    log.info("sweep looked_at=%s started=%s stopped=%s", report.looked_at, report.started, report.stopped)


@blueprint.timer_trigger(arg_name="timer", schedule=_PURGE_SCHEDULE)
@blueprint.durable_client_input(client_name="client")
async def purge_finished(timer: func.TimerRequest, client: Any) -> None:
    """Forget the orchestration history of runs that ended long ago, a minute's worth; their rows stay."""
    report = await timed_purge(client, resources())
    log.info("purged=%s complete=%s", report.purged, report.complete)
