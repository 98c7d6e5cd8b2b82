"""``/api/health``: whether the app is operational, with reasons; ``live`` and ``ready`` are for a platform's probes.

A probe has no key, so these two answer anyone: with flags, without reasons. ``ready`` serves a result that is up to
five seconds old, so that strangers cannot flood storage and database with checks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.errors import PipelineError
from function_app.http_api.responses import ApiResponse, in_thread, json_response, respond
from function_app.workflow.resources import Resources, resources

blueprint = Blueprint()

# The highest migration whose tables this code needs (V002: hourly totals, which counting reads).
NEEDED_SCHEMA = 2


@dataclass(frozen=True)
class Check:
    """The state of one dependency; ``reason`` says why it is not ok."""

    ok: bool
    milliseconds: float
    reason: str | None = None


@dataclass(frozen=True)
class HealthView:
    """``status`` is ok or unavailable. ``checks`` has storage and database, or settings if those are at fault."""

    status: str
    checks: dict[str, Check]


@dataclass(frozen=True)
class Flag:
    """Whether one dependency is ok; ``GET /api/health`` has the reason."""

    ok: bool


@dataclass(frozen=True)
class ReadyView:
    """``status`` is ok or unavailable, with a flag for each check."""

    status: str
    checks: dict[str, Flag]


class SharedCheck:
    """One check at a time; its result is shared until ``seconds`` after its start, and while it runs."""

    def __init__(self, seconds: float = 5.0, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._now = seconds, now
        self._begun = 0.0
        self._check: asyncio.Task[HealthView] | None = None

    async def result(self, check: Callable[[], Awaitable[HealthView]]) -> HealthView:
        """The latest result, or that of a new check. Raises what the check raises."""
        if self._check is None or self._is_over(self._check):
            self._begun, self._check = self._now(), asyncio.ensure_future(_awaited(check))
        return await asyncio.shield(self._check)  # a probe that gives up must not cancel it for the others

    def _is_over(self, check: asyncio.Task[HealthView]) -> bool:
        """A check that waits for a silent storage or database goes on: another would only wait beside it."""
        if check.get_loop() is not asyncio.get_running_loop():
            return True
        return check.done() and self._now() - self._begun >= self._seconds


_shared = SharedCheck()


@blueprint.route(route="health", methods=["GET"])
async def get_health(req: func.HttpRequest) -> func.HttpResponse:
    """Storage and database, each with its latency; 503 if either is not ok."""
    return await respond(readiness())


@blueprint.route(route="health/ready", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_ready(req: func.HttpRequest) -> func.HttpResponse:
    """Readiness for probes, without a key: storage and database as flags."""
    return await respond(probe_response(_shared))


@blueprint.route(route="health/live", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_live(req: func.HttpRequest) -> func.HttpResponse:
    """Liveness for probes, without a key: 200 while the process answers; no dependency is checked."""
    return await respond(_alive())


async def _alive() -> ApiResponse:
    return json_response(ReadyView("ok", {}))


async def readiness(use: Callable[[], Resources] = resources) -> ApiResponse:
    """200 or 503 with a check each for settings, storage and database (with its migrations)."""
    return _response(await health_of(use))


async def probe_response(shared: SharedCheck, use: Callable[[], Resources] = resources) -> ApiResponse:
    """200 or 503 with a flag for each check, from a result that concurrent callers share."""
    health = await shared.result(lambda: health_of(use))
    flags = {name: Flag(check.ok) for name, check in health.checks.items()}
    return _response(ReadyView(health.status, flags))


async def health_of(use: Callable[[], Resources]) -> HealthView:
    """Check storage and database, side by side."""
    try:
        opened = use()
    except PipelineError as error:
        return HealthView("unavailable", {"settings": Check(False, 0.0, str(error))})
    storage, database = await asyncio.gather(
        in_thread(_check, opened.blobs.ping), in_thread(_check, lambda: _check_schema(opened))
    )
    checks = {"storage": storage, "database": database}
    return HealthView("ok" if all(check.ok for check in checks.values()) else "unavailable", checks)


def _response(view: HealthView | ReadyView) -> ApiResponse:
    return json_response(view, 200 if view.status == "ok" else 503)


async def _awaited(check: Callable[[], Awaitable[HealthView]]) -> HealthView:
    return await check()


def _check_schema(use: Resources) -> None:
    version = use.store.ping().schema_version
    if version < NEEDED_SCHEMA:
        raise PipelineError(
            f"Migration {version} is applied, {NEEDED_SCHEMA} is needed.", reason="not_migrated"
        )


def _check(call: Callable[[], object]) -> Check:
    begun = time.perf_counter()
    reason = None
    try:
        call()
    except PipelineError as error:
        reason = str(error)
    return Check(reason is None, round((time.perf_counter() - begun) * 1000, 1), reason)
