"""What starts work: a blob that arrives, and the clock."""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint, OrchestrationRuntimeStatus
from azure.functions.blob import InputStream

from function_app.resources import utc_now
from function_app.settings import current_settings
from function_app.starting import run_of_blob, start_run
from function_app.telemetry import observed

blueprint = Blueprint()
log = logging.getLogger("function_app.triggers")

# Read when the worker indexes the app. Flex Consumption accepts EventGrid only, Azurite knows none.
_BLOB_SOURCE = os.environ.get("BLOB_TRIGGER_SOURCE", "LogsAndContainerScan")
_PURGE_SCHEDULE = os.environ.get("PURGE_SCHEDULE", "0 30 3 * * *")

_ENDED = [
    OrchestrationRuntimeStatus.Completed,
    OrchestrationRuntimeStatus.Failed,
    OrchestrationRuntimeStatus.Terminated,
    OrchestrationRuntimeStatus.Canceled,
]
_BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


@blueprint.blob_trigger(
    arg_name="blob", path="%IMAGE_CONTAINER%/{name}", connection="IMAGE_STORAGE", source=_BLOB_SOURCE
)
@blueprint.durable_client_input(client_name="client")
@observed
async def start_on_blob(blob: InputStream, client: Any) -> None:
    """A new blob version: start its run. The bytes that came along are left alone: steps read their own."""
    run = run_of_blob(str(blob.name), blob.blob_properties or {}, blob.metadata or {})
    started = await start_run(client, run)
    log.info("run %s started=%s", run.run_id, started)


@blueprint.timer_trigger(arg_name="timer", schedule=_PURGE_SCHEDULE)
@blueprint.durable_client_input(client_name="client")
async def purge_finished(timer: func.TimerRequest, client: Any) -> None:
    """Forget the orchestration history of runs that ended long ago; their rows stay."""
    until = utc_now() - timedelta(days=current_settings().retention_days)
    purged = await client.purge_instance_history_by(_BEGINNING, until, _ENDED)
    log.info("purged %s instances created before %s", purged.instances_deleted, until.isoformat())
