"""The dashboard's routes. They ask for no key, as no other route but the probes of ``http_api/health.py`` does."""

from __future__ import annotations

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.dashboard.files import dashboard_file
from function_app.http_api.answers import Answer, respond

blueprint = Blueprint()


@blueprint.route(route="dashboard", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_dashboard(req: func.HttpRequest) -> func.HttpResponse:
    """The page."""
    return await respond(_file("page.html", req))


@blueprint.route(route="dashboard/app.css", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_dashboard_style(req: func.HttpRequest) -> func.HttpResponse:
    """Its style."""
    return await respond(_file("app.css", req))


@blueprint.route(route="dashboard/app.js", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_dashboard_script(req: func.HttpRequest) -> func.HttpResponse:
    """Its script."""
    return await respond(_file("app.js", req))


async def _file(name: str, req: func.HttpRequest) -> Answer:
    return dashboard_file(name, req.headers.get("if-none-match"))
