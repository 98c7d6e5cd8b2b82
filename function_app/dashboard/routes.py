"""The dashboard's routes. Like the probes of ``http_api/health.py``, and no other route, they need no key."""

from __future__ import annotations

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.dashboard import files
from function_app.http_api.responses import ApiResponse, respond

blueprint = Blueprint()


@blueprint.route(route="dashboard", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_dashboard(req: func.HttpRequest) -> func.HttpResponse:
    """The page."""
    return await respond(_page(req))


@blueprint.route(route="dashboard/{file}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_dashboard_file(req: func.HttpRequest) -> func.HttpResponse:
    """The style sheet or a module; 404 for any other name."""
    return await respond(_file(req))


async def _page(req: func.HttpRequest) -> ApiResponse:
    return files.page(req.headers.get("if-none-match"))


async def _file(req: func.HttpRequest) -> ApiResponse:
    return files.asset(req.route_params.get("file", ""), req.headers.get("if-none-match"))
