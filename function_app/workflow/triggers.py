"""What starts a run: a blob that arrives."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

from azure.durable_functions import Blueprint

from function_app.errors import Transient
from function_app.telemetry.observing import count_failed_lookup, observed_start
from function_app.workflow.arrived_blob import ArrivedBlob
from function_app.workflow.resources import resources
from function_app.workflow.starting import start_run

blueprint = Blueprint()
log = logging.getLogger("function_app.triggers")

# Read when the worker indexes the app. Flex Consumption accepts EventGrid only, Azurite knows none.
_BLOB_SOURCE = os.environ.get("BLOB_TRIGGER_SOURCE", "LogsAndContainerScan")


@blueprint.blob_trigger(
    arg_name="blob", path="%IMAGE_CONTAINER%/{name}", connection="IMAGE_STORAGE", source=_BLOB_SOURCE
)
@blueprint.durable_client_input(client_name="client")
async def start_on_blob(blob: ArrivedBlob, client: Any) -> None:
    """Start the run of the blob's current version. Raises Transient, so that the blob is delivered again.

    Polling and Event Grid pass on names only, and Event Grid's webhook checks nothing: one HEAD request says whether
    the blob is there and which version it is. A blob that is not ours is ignored, and its delivery counts as done.
    """
    use = resources()
    if foreign := blob.why_not_of(use.settings.container):
        log.warning("nothing started for %r: %s", str(blob), foreign)
        return
    try:
        run = await asyncio.to_thread(use.blobs.present_run, blob.container, blob.name)
    except Transient as error:
        count_failed_lookup(error)
        raise
    if run is None:
        log.info("nothing started for %r: the blob is gone", str(blob))
        return
    with observed_start(run):
        started = await start_run(client, run, use.live_runs.add)
    log.info("run %s started=%s", run.run_id, started)
