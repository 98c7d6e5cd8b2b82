"""kill -9 while blobs are being worked on: every blob is delivered, deliveries so far stay counted."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

pytestmark = pytest.mark.azurite

APP = """
import os, pathlib, time
import azure.functions as func

app = func.FunctionApp()
here = pathlib.Path(__file__).parent

@app.blob_trigger(arg_name="blob", path="%CONTAINER%/{name}", connection="IMAGES")
def works(blob: func.InputStream):
    name = blob.name.split("/")[-1]
    (here / f"{name}.begun").touch()
    if not (here / "go").exists():
        time.sleep(60)
    (here / f"{name}.done").touch()
"""


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_blobs_in_flight_at_a_kill_9_are_delivered_again(
    host: Callable[..., Any], root: Path, azurite: Any
) -> None:
    container = f"c{uuid.uuid4().hex}"
    with BlobServiceClient.from_connection_string(
        azurite.connection_string, api_version="2024-11-04"
    ) as service:
        client = service.create_container(container)
        for number in range(5):
            client.upload_blob(f"{number}", b"x")
    settings = {
        "IMAGES": azurite.connection_string,
        "CONTAINER": container,
        "FUNCTIONS_HOST_BLOB_POLL_SECONDS": "0.1",
        "AzureFunctionsJobHost__extensions__blobs__maxDegreeOfParallelism": "2",
    }
    first = host(environment=settings).ready()
    wait_for(lambda: len(list(root.glob("*.begun"))) == 2)
    first.process.kill()
    first.process.wait(10)
    with sqlite3.connect(root / ".functions_host" / "blobs.db") as ledger:
        counts = [count for (count,) in ledger.execute("SELECT dequeue_count FROM blob_queue ORDER BY id")]
    assert counts == [1, 1, 0, 0, 0]

    (root / "go").touch()
    host(environment=settings).ready()
    wait_for(lambda: len(list(root.glob("*.done"))) == 5)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "function_app.py").write_text(APP)
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0"}))
    return tmp_path
