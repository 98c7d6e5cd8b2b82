"""What the tests of blob functions share: a container of their own, an app that notes what it is handed."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient

from functions_host.testing import RunningApp

AppOf = Callable[..., RunningApp]
VERSION = "2024-11-04"

RECORDER = """
seen = []

@app.route()
async def deliveries(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")
"""


@pytest.fixture
def container(azurite: Any) -> Iterator[ContainerClient]:
    service = BlobServiceClient.from_connection_string(azurite.connection_string, api_version=VERSION)
    with service, service.create_container(f"c{uuid.uuid4().hex}") as made:
        yield made


@pytest.fixture
def settings(azurite: Any, container: ContainerClient) -> dict[str, str]:
    return {
        "IMAGES": azurite.connection_string,
        "CONTAINER": container.container_name,
        "FUNCTIONS_HOST_BLOB_POLL_SECONDS": "0.1",
    }


def seen(app: RunningApp, count: int) -> list[Any]:
    app.wait_until(lambda: len(app.get("/api/deliveries").json()) >= count)
    found: list[Any] = app.get("/api/deliveries").json()
    return found


def poison_message(azurite: Any, container: str, app: RunningApp) -> dict[str, str]:
    """The message of this test's container in the real queue, as base64 text (contract C1)."""
    found: list[dict[str, str]] = []

    def look() -> bool:
        with QueueClient.from_connection_string(
            azurite.connection_string, "webjobs-blobtrigger-poison", api_version=VERSION
        ) as queue:
            try:
                messages = [json.loads(base64.b64decode(m.content)) for m in queue.peek_messages(32)]
            except Exception:  # the queue is made with its first message
                return False
        found[:] = [message for message in messages if message["ContainerName"] == container]
        return bool(found)

    app.wait_until(look)
    return found[0]
