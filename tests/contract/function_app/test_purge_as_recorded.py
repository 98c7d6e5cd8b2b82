"""What a purge by filter asks of the Durable extension: never anything that could take a run under way with it.

Recorded on Functions host 4.1037 / DurableTask 3.19.0 (``tests/contract/recordings/durable/purge.json``, each question
asked of five instances, one per state): when ``runtimeStatus`` names no state that an instance can have ended in (none
given, only living ones, misspelt, or in lower case), everything in the time range is deleted, running and suspended
instances too.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from azure.durable_functions import DurableOrchestrationClient
from azure.durable_functions.models.utils import http_utils

from function_app.purging import purge_before

RECORDED = Path(__file__).parents[1] / "recordings" / "durable" / "purge.json"
TERMINAL = {"Completed", "Failed", "Terminated", "Canceled"}
UNTIL = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
LIVING = ("running", "suspended")


def recorded_purges() -> list[tuple[set[str], bool]]:
    """(states named, whether living instances went) of each accepted purge over HTTP."""
    rows = json.loads(RECORDED.read_text())
    found = []
    for asked, left in itertools.pairwise(rows):
        if left["label"] != "left" or asked.get("answer", {}).get("status") != 200 or "request" not in asked:
            continue
        if asked["request"]["method"] == "DELETE":
            query = parse_qs(urlsplit(asked["request"]["path"]).query)
            named = set(",".join(query.get("runtimeStatus", [])).split(",")) - {""}
            found.append((named, any(left["value"][name] == 404 for name in LIVING)))
    return found


@pytest.fixture
async def wire(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Any, list[web.Request]]]:
    """A Durable client of the SDK, and the requests that leave it."""
    requests: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append(request)
        return web.json_response({"instancesDeleted": 7})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    server = web.AppRunner(app)
    await server.setup()
    await web.TCPSite(server, "127.0.0.1", 0).start()
    host, port = server.addresses[0][:2]
    # The SDK's one session belongs to whatever event loop was first.
    monkeypatch.setattr(http_utils, "_client_session", None)
    monkeypatch.setattr(http_utils, "_session_lock", asyncio.Lock())
    binding = {"taskHubName": "ImageScoring", "creationUrls": {}, "managementUrls": {},
               "rpcBaseUrl": f"http://{host}:{port}/durabletask/"}  # fmt: skip
    yield DurableOrchestrationClient(json.dumps(binding)), requests
    if http_utils._client_session is not None:
        await http_utils._client_session.close()
    await server.cleanup()


def test_living_instances_went_wherever_no_terminal_state_was_named_and_only_there() -> None:
    purges = recorded_purges()
    assert len(purges) > 8
    for named, living_went in purges:
        assert living_went == (not named & TERMINAL), named


async def test_our_purge_names_the_four_terminal_states_and_a_time_range(
    wire: tuple[Any, list[web.Request]],
) -> None:
    client, requests = wire
    assert await purge_before(client, UNTIL) == 7
    [request] = requests
    assert (request.method, request.path) == ("DELETE", "/durabletask/instances/")
    named = request.query.getall("runtimeStatus")
    assert len(named) == 1, "one list: of a parameter that is repeated the host's answer is not recorded"
    assert sorted(named[0].split(",")) == sorted(TERMINAL), "as the extension spells them"
    assert request.query["createdTimeTo"].startswith("2026-03-04T05:06:07")
    assert request.query["createdTimeFrom"] < request.query["createdTimeTo"]
