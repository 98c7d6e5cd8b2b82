"""``/api/health``: whether this app can do its work now, and why not; ``live`` and ``ready`` for a platform's probes.

A probe has no key, so these two answer anyone: with flags and no reasons, and ``ready`` from a look that all who ask
within a few seconds share, so that no stranger can have storage and database asked as often as he likes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import azure.functions as func
from azure.durable_functions import Blueprint

from function_app.errors import PipelineError
from function_app.http_api.answers import Answer, aside, json_answer, respond
from function_app.workflow.resources import Resources, resources

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


@dataclass(frozen=True)
class Flag:
    """Whether one thing is well; ``GET /api/health`` has the reason."""

    ok: bool


@dataclass(frozen=True)
class ReadyView:
    """What a probe is told: ``status`` is ok or unavailable, and a flag for each check."""

    status: str
    checks: dict[str, Flag]


class SharedLook:
    """One look at a time, and its answer for everyone who asks until it is there and ``seconds`` after it began."""

    def __init__(self, seconds: float = 5.0, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._now = seconds, now
        self._begun = 0.0
        self._look: asyncio.Task[HealthView] | None = None

    async def at(self, look: Callable[[], Awaitable[HealthView]]) -> HealthView:
        """The latest answer, or that of a new look. Raises what the look raises."""
        if self._look is None or self._is_over(self._look):
            self._begun, self._look = self._now(), asyncio.ensure_future(_awaited(look))
        return await asyncio.shield(self._look)  # a probe that gives up must not end the look for the others

    def _is_over(self, look: asyncio.Task[HealthView]) -> bool:
        """One that waits for a silent storage or database goes on: another would wait beside it."""
        if look.get_loop() is not asyncio.get_running_loop():
            return True
        return look.done() and self._now() - self._begun >= self._seconds


_shared = SharedLook()


@blueprint.route(route="health", methods=["GET"])
async def get_health(req: func.HttpRequest) -> func.HttpResponse:
    """Storage and database, each with its latency; 503 if one of them is not well."""
    return await respond(readiness())


@blueprint.route(route="health/ready", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_ready(req: func.HttpRequest) -> func.HttpResponse:
    """For probes, without a key: the same without reasons."""
    return await respond(told_to_a_probe(_shared))


@blueprint.route(route="health/live", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_live(req: func.HttpRequest) -> func.HttpResponse:
    """For probes, without a key: the process answers; asks nobody else."""
    return await respond(_alive())


async def _alive() -> Answer:
    return json_answer(ReadyView("ok", {}))


async def readiness(use: Callable[[], Resources] = resources) -> Answer:
    """200 or 503 with a check each for settings, storage and database (with its migrations)."""
    return _answer(await health_of(use))


async def told_to_a_probe(shared: SharedLook, use: Callable[[], Resources] = resources) -> Answer:
    """The same for whoever asks: flags, no reason and no latency."""
    seen = await shared.at(lambda: health_of(use))
    return _answer(ReadyView(seen.status, {name: Flag(check.ok) for name, check in seen.checks.items()}))


async def health_of(use: Callable[[], Resources]) -> HealthView:
    """Ask storage and database, side by side."""
    try:
        world = use()
    except PipelineError as error:
        return HealthView("unavailable", {"settings": Check(False, 0.0, str(error))})
    storage, database = await asyncio.gather(
        aside(_check, world.blobs.ping), aside(_check, lambda: _schema_is_there(world))
    )
    checks = {"storage": storage, "database": database}
    return HealthView("ok" if all(check.ok for check in checks.values()) else "unavailable", checks)


def _answer(view: HealthView | ReadyView) -> Answer:
    return json_answer(view, 200 if view.status == "ok" else 503)


async def _awaited(look: Callable[[], Awaitable[HealthView]]) -> HealthView:
    return await look()


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
