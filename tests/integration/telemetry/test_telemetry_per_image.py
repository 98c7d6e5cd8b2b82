"""What one image sends to Application Insights through our own exporter, held to the figure that docs/cost.md states.

The real exporter in a process of its own: setting ``azuremonitor``, signed in by an identity endpoint, over TLS, to an
endpoint that counts. What the Functions host itself sends on Azure is not in here.
"""

from __future__ import annotations

import io
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient
from PIL import Image

from tests.conftest import free_port
from tests.integration.telemetry.ingestion import TOKEN, Ingestion, ingestion_endpoint, size

ROOT = Path(__file__).resolve().parents[3]
IMAGES = 20
STEPS = ("upload", "start_on_blob", "validate_image", "score_image", "save_result")

pytestmark = [pytest.mark.azurite, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def sent(azurite, tmp_path_factory) -> Ingestion:
    """What the app sent while it scored images as the agent uploads them, and ended."""
    folder = tmp_path_factory.mktemp("telemetry")
    container = ContainerClient.from_connection_string(
        azurite.connection_string, "img-telemetry", api_version="2025-11-05"
    )
    container.create_container()
    for number in range(IMAGES):
        container.upload_blob(
            f"lab-camera-01/2026/11/26/image-{number:06}.png", _png(), metadata=_told(number)
        )
    database = folder / "results.db"
    with ingestion_endpoint(folder) as taken:
        environ = {
            **os.environ, **taken.environment,
            "AzureWebJobsStorage": azurite.connection_string, "IMAGE_STORAGE": azurite.connection_string,
            "IMAGE_STORAGE__clientId": "00000000-0000-0000-0000-000000000001",
            "IMAGE_CONTAINER": "img-telemetry", "QUARANTINE_CONTAINER": "img-telemetry-quarantine",
            "TASKHUB_NAME": "TelemetryPerImage", "SQL_CONNECTION_STRING": f"sqlite:///{database}",
            "TELEMETRY": "azuremonitor", "SWEEP_SCHEDULE": "0 0 0 1 1 *",
            # Sent while the test looks, in place of 5 s and a minute later: the same items, the same bytes.
            "OTEL_BSP_SCHEDULE_DELAY": "200", "OTEL_METRIC_EXPORT_INTERVAL": "2000",
        }  # fmt: skip
        subprocess.run([sys.executable, "-m", "sql_migrations", "up"], cwd=ROOT, env=environ, check=True)
        command = [sys.executable, "-m", "functions_host", "start", "--port", str(free_port())]
        with (folder / "host.log").open("wb") as log:
            host = subprocess.Popen(
                [*command, "--state", str(folder / "state")], cwd=ROOT, env=environ, stdout=log, stderr=log
            )
        try:
            _until(lambda: _scored(database) == IMAGES or host.poll() is not None)
            assert host.poll() is None, (folder / "host.log").read_text()
            _until(lambda: len(spans_of(taken)) >= IMAGES * len(STEPS))
            seen = len(taken.of("MetricData"))
            _until(lambda: len(taken.of("MetricData")) > seen)  # an export that knows of every image
        finally:
            host.send_signal(signal.SIGTERM)
            host.wait(timeout=20)
        container.delete_container()
        assert "Exception" not in (folder / "host.log").read_text()
        return taken


def spans_of(sent: Ingestion) -> list[dict[str, Any]]:
    """The items that are spans."""
    return sent.of("RemoteDependencyData") + sent.of("RequestData")


def _told(number: int) -> dict[str, str]:
    return {
        "traceparent": f"00-{number + 1:032x}-00f067aa0ba902b7-01", "deviceid": "lab-camera-01",
        "capturedat": "2026-11-26T10:00:00.000000Z", "sourcename": f"image-{number:06}.png",
    }  # fmt: skip


def _png() -> bytes:
    out = io.BytesIO()
    Image.new("L", (32, 32), 7).save(out, "PNG")
    return out.getvalue()


def _scored(database: Path) -> int:
    with sqlite3.connect(database) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM runs WHERE outcome = 'scored'").fetchone()[0])


def _until(satisfied: Callable[[], bool], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not satisfied():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.2)


def _stated(what: str) -> float:
    """A figure of docs/cost.md: ``<!-- telemetry: what --> 1,234``."""
    text = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- telemetry: {what} -->\s*\**([\d.,]+)", text)
    assert found, f"docs/cost.md states no figure for {what}"
    return float(found[1].replace(",", ""))


def test_one_image_sends_its_five_spans_and_nothing_else(sent):
    spans = spans_of(sent)
    assert Counter(item["data"]["baseData"]["name"] for item in spans) == dict.fromkeys(STEPS, IMAGES)
    assert len(spans) / IMAGES == _stated("items of one image")
    others = Counter(item["data"]["baseType"] for item in sent.items if item not in spans)
    assert set(others) <= {"MetricData"}, "a log record or an exception was sent for an image that went well"


def test_one_image_sends_no_more_bytes_than_the_page_on_cost_says(sent):
    spans = spans_of(sent)
    stated = _stated("bytes of one image")
    assert 0.8 * stated <= size(spans) / IMAGES <= stated, size(spans) / IMAGES


def test_metrics_are_a_few_items_a_minute_however_many_images(sent):
    an_export = [sum(item["data"]["baseType"] == "MetricData" for item in batch) for batch in sent.batches]
    assert 0 < max(an_export) <= _stated("metric items of an export")


def test_it_signs_in_with_the_identity(sent):
    assert sent.signed_in == {f"Bearer {TOKEN}"}
