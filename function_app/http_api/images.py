"""``/api/images/{blob name}``: every run of an image, and whether its current version still waits."""

from __future__ import annotations

import asyncio
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.errors import StorageRefused, Transient
from function_app.http_api.responses import ApiResponse, NotFound, in_thread, json_response, respond
from function_app.http_api.views import ImageView, RunView, view_of, waiting_view
from function_app.workflow.live_runs.durable_status import find_live_run
from function_app.workflow.resources import Resources, resources

blueprint = Blueprint()
_LONGEST_BLOB_NAME = 1_024


@blueprint.route(route="images/{*blob_name}", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def get_image(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """The runs of an image by its blob name, which may hold slashes."""
    return await respond(one_image(req.route_params.get("blob_name", ""), client, resources()))


async def one_image(blob_name: str, client: Any, use: Resources) -> ApiResponse:
    """200 with the runs, newest first; 404 if there is no such blob and no row of one."""
    if not 0 < len(blob_name) <= _LONGEST_BLOB_NAME:
        raise NotFound("There is no image with this name.")
    container = use.settings.container
    stored, present = await asyncio.gather(
        in_thread(use.store.runs_of_image, container, blob_name), _present_run(blob_name, client, use)
    )
    views = [view for run in stored if (view := view_of(run, None))]
    if present is not None:
        views = [present, *(view for view in views if view.run_id != present.run_id)]
    if not views:
        raise NotFound("There is no image with this name.")
    return json_response(ImageView(container, blob_name, tuple(views)))


async def _present_run(blob_name: str, client: Any, use: Resources) -> RunView | None:
    """The run of the blob's current version; None if there is no blob, or storage has no answer."""
    try:
        run = await in_thread(use.blobs.present_run, use.settings.container, blob_name)
        if run is None:
            return None
        stored, live = await asyncio.gather(
            in_thread(use.store.run, run.run_id), find_live_run(client, run.run_id)
        )
    except (StorageRefused, Transient):
        return None
    return view_of(stored, live) or waiting_view(run.run_id, run.image, run.source)
