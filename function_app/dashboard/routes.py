"""The dashboard's routes. They ask for no key, as no other route but the probes of ``http_api/health.py`` does."""

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
    """Its style or one of its modules; 404 for any other name."""
    return await respond(_file(req))


async def _page(req: func.HttpRequest) -> ApiResponse:
    return files.page(req.headers.get("if-none-match"))


async def _file(req: func.HttpRequest) -> ApiResponse:
    return files.asset(req.route_params.get("file", ""), req.headers.get("if-none-match"))
