"""What one image costs, counted from a real run: requests at Azurite by kind, executions and seconds at the host.

docs/cost.md says these figures; the test fails when a change makes one larger, or the document untrue.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from functions_host.testing import start_app
from sql_migrations.cli import main as migrate

ROOT = Path(__file__).resolve().parents[3]
WEBHOOK = "/runtime/webhooks/blobs?functionName=Host.Functions.start_on_blob"
API_VERSION = "2025-11-05"  # known to Azurite 3.37; the SDK asks for a newer one
IMAGES = 40

pytestmark = [pytest.mark.azurite, pytest.mark.spark, pytest.mark.timeout(300)]


@pytest.fixture
def counts(counted_azurite, tmp_path) -> dict[str, Any]:
    """Agent first, then the app alone with Event Grid as in Azure, so that each side's requests are known."""
    azurite = counted_azurite
    service = BlobServiceClient.from_connection_string(azurite.storage, api_version=API_VERSION)
    container = service.create_container("img")
    device = tmp_path / "device"
    _local_agent("simulate", "--inbox", device / "inbox", "--truth", tmp_path / "truth.jsonl", "--images", IMAGES,
                 "--rate", 1000, "--seed", 1)  # fmt: skip
    begun = azurite.position()
    _local_agent("upload", "--root", device, "--checkpoint", tmp_path / "checkpoint", "--device-id", "cam-1", "--once",
                 storage=azurite.storage)  # fmt: skip
    agent = azurite.since(begun)
    names = [blob.name for blob in container.list_blobs()]
    assert len(names) == IMAGES

    database = f"sqlite:///{tmp_path / 'results.db'}"
    assert migrate(["up", "--database", database]) == 0
    settings = {
        "AzureWebJobsStorage": azurite.storage, "IMAGE_STORAGE": azurite.storage, "IMAGE_CONTAINER": "img",
        "SQL_CONNECTION_STRING": database, "TASKHUB_NAME": "CostTest", "BLOB_TRIGGER_SOURCE": "EventGrid",
    }  # fmt: skip
    with start_app(ROOT, settings=settings) as app:
        begun = azurite.position()
        for name in names:
            app.post(WEBHOOK, [_created(name)], {"aeg-event-type": "Notification"})
        app.wait_until(lambda: app.get("/api/stats").json()["counts"]["scored"] == IMAGES, 120)
        app.wait_until_idle()
        log = app.invocation_log
    return {"agent": agent, "app": azurite.since(begun), "log": log}


def test_what_one_image_costs(counts):
    agent = {kind: number / IMAGES for kind, number in counts["agent"].items()}
    app = {kind: number / IMAGES for kind, number in counts["app"].items()}
    executions = Counter(re.search(r"function=(\w+)", line).group(1) for line in counts["log"])
    per_image = {name: number / IMAGES for name, number in executions.items() if number >= IMAGES}
    seconds = sum(float(re.search(r"duration_ms=([\d.]+)", line).group(1)) for line in counts["log"]) / 1000

    assert agent.pop("Put Blob") == 1
    assert sum(agent.values()) * IMAGES <= 3  # once per start, however many images
    documented = _documented("storage requests of the app")
    assert set(app) == set(documented)
    for (
        kind,
        number,
    ) in documented.items():  # scoring now and then reads again what validation no longer holds
        assert number <= app[kind] <= number + 0.5, kind
    assert per_image == _documented("executions")
    assert seconds / IMAGES < 0.25


def _documented(what: str) -> dict[str, float]:
    """The table in docs/cost.md under a heading, as name -> number per image."""
    text = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    table = text.split(f"<!-- counted: {what} -->")[1].split("\n\n")[0]
    return {
        name: float(number) for name, number in re.findall(r"^\| `?([\w ]+?)`? \| ([\d.]+) \|", table, re.M)
    }


def _created(name: str) -> dict[str, Any]:
    return {
        "subject": f"/blobServices/default/containers/img/blobs/{name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "id": name,
        "eventTime": "2026-01-01T00:00:00Z",
        "data": {"api": "PutBlob", "url": f"https://st.blob.core.windows.net/img/{name}"},
        "dataVersion": "",
        "metadataVersion": "1",
    }


def _local_agent(*words: object, storage: str = "") -> None:
    done = subprocess.run(
        [sys.executable, "-m", "local_agent", *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "AGENT_STORAGE_CONNECTION_STRING": storage},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
