"""What health and the probes answer, decided without any host: who sees reasons, and how often anything is checked."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from function_app.errors import Misconfigured, StorageUnavailable, StoreUnavailable
from function_app.http_api.health import NEEDED_SCHEMA, HealthView, SharedCheck, probe_response, readiness

SECRET = "Storage answered 403 (AuthorizationFailure)."


class World:
    """Storage and database of a test, each of which may be away; counts how often it was asked."""

    def __init__(self, storage: Exception | None = None, schema: int | Exception = NEEDED_SCHEMA) -> None:
        self._storage, self._schema = storage, schema
        self.asked = 0
        self.blobs = self.store = self

    def ping(self) -> Any:
        self.asked += 1
        if self._storage is not None:
            raise self._storage
        return self

    @property
    def schema_version(self) -> int:
        if isinstance(self._schema, Exception):
            raise self._schema
        return self._schema


def use(world: World) -> Any:
    """Where the handlers get their resources."""
    return lambda: world


def told(answer: Any) -> tuple[int, dict[str, Any]]:
    return answer.status, json.loads(answer.body)


async def test_health_shows_the_reason_and_a_probe_only_the_flag():
    world = World(StorageUnavailable(SECRET))
    status, body = told(await readiness(use(world)))
    assert (status, body["status"]) == (503, "unavailable")
    assert SECRET in body["checks"]["storage"]["reason"]
    answer = await probe_response(SharedCheck(), use(world))
    assert told(answer) == (
        503,
        {"status": "unavailable", "checks": {"storage": {"ok": False}, "database": {"ok": False}}},
    )


@pytest.mark.parametrize("schema", [NEEDED_SCHEMA - 1, StoreUnavailable("down")])
async def test_a_probe_sees_which_of_the_two_checks_failed(schema):
    status, body = told(await probe_response(SharedCheck(), use(World(schema=schema))))
    assert (status, body["checks"]) == (503, {"storage": {"ok": True}, "database": {"ok": False}})


async def test_a_probe_of_a_misconfigured_app_learns_no_setting():
    def use() -> Any:
        raise Misconfigured("set SQL_CONNECTION_STRING")

    answer = await probe_response(SharedCheck(), use)
    assert told(answer) == (503, {"status": "unavailable", "checks": {"settings": {"ok": False}}})


async def test_however_many_probes_come_storage_and_database_are_checked_once_in_five_seconds():
    world, clock = World(), [100.0]
    shared = SharedCheck(5.0, lambda: clock[0])
    answers = await asyncio.gather(*(probe_response(shared, use(world)) for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert world.asked == 2
    clock[0] += 4.9
    await probe_response(shared, use(world))
    assert world.asked == 2
    clock[0] += 0.1
    await probe_response(shared, use(world))
    assert world.asked == 4


async def test_a_probe_that_gives_up_leaves_the_check_to_the_others():
    world, shared = World(), SharedCheck()
    impatient = asyncio.ensure_future(probe_response(shared, use(world)))
    await asyncio.sleep(0)
    patient = asyncio.ensure_future(probe_response(shared, use(world)))
    impatient.cancel()
    assert (await patient).status == 200


async def test_health_with_a_key_checks_each_time():
    world = World()
    for _ in range(3):
        await readiness(use(world))
    assert world.asked == 6


async def test_while_a_check_waits_for_a_silent_storage_no_other_is_begun():
    clock, checks, answered = [100.0], [0], asyncio.Event()
    shared = SharedCheck(5.0, lambda: clock[0])

    async def check() -> HealthView:
        checks[0] += 1
        await answered.wait()
        return HealthView("ok", {})

    probes = []
    for _ in range(5):
        probes.append(asyncio.ensure_future(shared.result(check)))
        await asyncio.sleep(0)
        clock[0] += 5
    answered.set()
    assert {view.status for view in await asyncio.gather(*probes)} == {"ok"}
    assert checks == [1]
