"""``/api/health``: whether this app can do its work now."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.errors import PipelineError
from function_app.http_api.answers import Answer, json_answer
from function_app.http_api.route import aside, respond
from function_app.resources import Resources, resources

blueprint = Blueprint()

# The highest migration whose tables this code needs (V002: hourly totals, which counting reads).
NEEDED_SCHEMA = 2


@dataclass(frozen=True)
class Check:
    """One thing the app depends on; ``reason`` says why it is not ok."""

    ok: bool
    milliseconds: float
    reason: str | None = None


@dataclass(frozen=True)
class HealthView:
    """``status`` is ok or unavailable; ``checks`` are storage and database, or settings if those are at fault."""

    status: str
    checks: dict[str, Check]


@blueprint.route(route="health", methods=["GET"])
async def get_health(req: func.HttpRequest) -> func.HttpResponse:
    """Storage and database, each with its latency; 503 if one of them is not well."""
    return await respond(readiness())


@blueprint.route(route="health/ready", methods=["GET"])
async def get_ready(req: func.HttpRequest) -> func.HttpResponse:
    """The same under the name that probes use."""
    return await respond(readiness())


@blueprint.route(route="health/live", methods=["GET"])
async def get_live(req: func.HttpRequest) -> func.HttpResponse:
    """The process answers; asks nobody else."""
    return await respond(_alive())


async def _alive() -> Answer:
    return json_answer(HealthView("ok", {}))


async def readiness(use: Callable[[], Resources] = resources) -> Answer:
    """200 or 503 with a check each for settings, storage and database (with its migrations)."""
    try:
        world = use()
    except PipelineError as error:
        return json_answer(
            {"status": "unavailable", "checks": {"settings": Check(False, 0.0, str(error))}}, 503
        )
    storage, database = await asyncio.gather(
        aside(_check, world.blobs.ping), aside(_check, lambda: _schema_is_there(world))
    )
    checks = {"storage": storage, "database": database}
    ready = all(check.ok for check in checks.values())
    return json_answer(HealthView("ok" if ready else "unavailable", checks), 200 if ready else 503)


def _schema_is_there(world: Resources) -> None:
    version = world.store.ping().schema_version
    if version < NEEDED_SCHEMA:
        raise PipelineError(
            f"Migration {version} is applied, {NEEDED_SCHEMA} is needed.", reason="not_migrated"
        )


def _check(ask: Callable[[], object]) -> Check:
    begun = time.perf_counter()
    reason = None
    try:
        ask()
    except PipelineError as error:
        reason = str(error)
    return Check(reason is None, round((time.perf_counter() - begun) * 1000, 1), reason)
