"""Both ways a blob arrives: found by polling, and told by Event Grid (its events posted to the host's webhook)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contract.recordings.recorded import row

ROOT = Path(__file__).resolve().parents[3]
WEBHOOK = "/runtime/webhooks/blobs?functionName=Host.Functions.start_on_blob"

pytestmark = [pytest.mark.azurite, pytest.mark.timeout(180)]


def test_polling_finds_an_uploaded_image(start_app):
    app = start_app(ROOT, environment={"BLOB_TRIGGER_SOURCE": "LogsAndContainerScan"})
    app.upload("device-1/a.png", 3)
    assert app.outcome("device-1/a.png")["outcome"] == "scored"


def test_event_grid_tells_of_an_uploaded_image_once_however_often_it_tells(start_app):
    app = start_app(ROOT, environment={"BLOB_TRIGGER_SOURCE": "EventGrid"})
    handshake = row("webhooks", "handshake")
    status, answer = app.request(
        "POST", WEBHOOK, handshake["request"]["body"], handshake["request"]["headers"]
    )
    assert (status, answer) == (200, handshake["answer"]["body"])

    properties = app.upload("device-1/b.png", 5)
    event = _blob_created(app, "device-1/b.png", properties)
    for _ in range(3):  # Event Grid delivers at least once
        status, _ = app.request("POST", WEBHOOK, [event], {"aeg-event-type": "Notification"})
        assert status in (200, 202)
    run = app.outcome("device-1/b.png")
    assert run["outcome"] == "scored"
    assert len(app.get("/api/runs")[1]["runs"]) == 1


def _blob_created(app: Any, name: str, properties: Any) -> dict[str, Any]:
    """The recorded event, of an image of this app."""
    account = app.storage.split("BlobEndpoint=")[1].split(";")[0]
    event = dict(row("webhooks", "one event")["request"]["body"][0])
    told = {"eTag": properties.etag.strip('"'), "contentLength": properties.size, "contentType": "image/png"}
    return {
        **event,
        "subject": f"/blobServices/default/containers/{app.container}/blobs/{name}",
        "data": {**event["data"], **told, "url": f"{account}/{app.container}/{name}"},
    }
