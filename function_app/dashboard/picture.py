"""``/api/runs/{run_id}/image``: the bytes of the run's blob version, served so that no browser executes them.

Anyone may have uploaded the blob. Only what begins as a PNG is served as one; the rest is a download of
unknown type. The sandbox policy applies even if someone opens the address itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.errors import BlobMissing, PipelineError, StorageRefused, Superseded, TooLarge
from function_app.http_api.responses import ApiResponse, NotFound, in_thread, respond
from function_app.http_api.runs import look_up
from function_app.models.runs import ImageVersion
from function_app.workflow.resources import Resources, resources

blueprint = Blueprint()
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """A blob's bytes and the headers to send them with."""

    body: bytes
    headers: Mapping[str, str]


@blueprint.route(route="runs/{run_id}/image", methods=["GET"])
@blueprint.durable_client_input(client_name="client")
async def get_run_image(req: func.HttpRequest, client: Any) -> func.HttpResponse:
    """The image of a run; 404 if the blob is gone, was overwritten since, or is over the size limit."""
    try:
        picture = picture_of(await image_bytes(req.route_params.get("run_id", ""), client, resources()))
    except PipelineError as error:
        return await respond(_raising(error))
    return func.HttpResponse(picture.body, status_code=200, headers=dict(picture.headers))


async def image_bytes(run_id: str, client: Any, use: Resources) -> bytes:
    """The bytes of exactly the version this run belongs to. Raises NotFound, Transient."""
    view = await look_up(run_id, client, use)
    if view.container is None or view.blob_name is None or view.etag is None or view.size_bytes is None:
        raise NotFound("The image of this run is unknown.")
    version = ImageVersion(view.container, view.blob_name, view.etag, view.size_bytes)
    try:
        return await in_thread(use.blobs.read, version)
    except (BlobMissing, StorageRefused, Superseded, TooLarge) as error:
        raise NotFound(error.detail, reason=error.reason) from None


def picture_of(data: bytes) -> Picture:
    """The bytes with their headers. The bytes of a run never change, so a browser may cache them."""
    is_png = data.startswith(_PNG)
    return Picture(
        data,
        {
            "Content-Type": "image/png" if is_png else "application/octet-stream",
            "Content-Disposition": "inline" if is_png else "attachment",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "private, max-age=86400, immutable",
        },
    )


async def _raising(error: PipelineError) -> ApiResponse:
    raise error
