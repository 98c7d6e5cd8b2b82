"""Both ways a blob arrives: found by polling, and told by Event Grid (its events posted to the host's webhook)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
WEBHOOK = "/runtime/webhooks/blobs?functionName=Host.Functions.start_on_blob"

pytestmark = [pytest.mark.azurite, pytest.mark.timeout(180)]


def test_polling_finds_an_uploaded_image(start_app):
    app = start_app(ROOT, environment={"BLOB_TRIGGER_SOURCE": "LogsAndContainerScan"})
    app.upload("device-1/a.png", 3)
    assert app.outcome("device-1/a.png")["outcome"] == "scored"


def test_event_grid_tells_of_an_uploaded_image_once_however_often_it_tells(start_app):
    app = start_app(ROOT, environment={"BLOB_TRIGGER_SOURCE": "EventGrid"})
    handshake = {
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
        "data": {"validationCode": "7"},
    }
    status, answer = app.request("POST", WEBHOOK, [handshake], {"aeg-event-type": "SubscriptionValidation"})
    assert (status, answer["validationResponse"]) == (200, "7")

    properties = app.upload("device-1/b.png", 5)
    event = _blob_created(app, "device-1/b.png", properties)
    for _ in range(3):  # Event Grid delivers at least once
        status, _ = app.request("POST", WEBHOOK, [event], {"aeg-event-type": "Notification"})
        assert status in (200, 202)
    run = app.outcome("device-1/b.png")
    assert run["outcome"] == "scored"
    assert len(app.get("/api/runs")[1]["runs"]) == 1


def _blob_created(app: Any, name: str, properties: Any) -> dict[str, Any]:
    """The event as Azure Storage sends it (schema Microsoft.Storage.BlobCreated), for the fields that matter."""
    account = app.storage.split("BlobEndpoint=")[1].split(";")[0]
    return {
        "topic": "/subscriptions/0/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st",
        "subject": f"/blobServices/default/containers/{app.container}/blobs/{name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "id": "831e1650-001e-001b-66ab-eeb76e069631",
        "eventTime": "2026-01-01T00:00:00Z",
        "dataVersion": "",
        "metadataVersion": "1",
        "data": {
            "api": "PutBlob",
            "contentType": "image/png",
            "contentLength": properties.size,
            "blobType": "BlockBlob",
            "eTag": properties.etag.strip('"'),
            "url": f"{account}/{app.container}/{name}",
        },
    }
