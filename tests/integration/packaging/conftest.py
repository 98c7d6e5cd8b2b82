"""Starts a function app folder on the embedded host, in a process of its own, against the real Azurite."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobProperties, BlobServiceClient, ContentSettings
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]
API_VERSION = "2025-11-05"  # known to Azurite 3.37; the SDK asks for a newer one


@dataclass
class RunningApp:
    """A function app on a port; ``upload`` and ``outcome`` are what a user would do."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    storage: str
    container: str

    def get(self, path: str) -> tuple[int, Any]:
        return self.request("GET", path)

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data,
            {"Content-Type": "application/json", **(headers or {})},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text.strip() else None
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def upload(self, name: str, level: int, metadata: dict[str, str] | None = None) -> Any:
        return upload(self.storage, self.container, name, level, metadata)

    def outcome(self, name: str, seconds: float = 60) -> Any:
        """The ended run of an image; fails with the host's log if there is none in time."""
        deadline = time.monotonic() + seconds
        seen: Any = None
        while time.monotonic() < deadline:
            status, seen = self.get(f"/api/images/{name}")
            if status == 200 and seen["runs"] and seen["runs"][0]["outcome"]:
                return seen["runs"][0]
            time.sleep(0.2)
        pytest.fail(f"no outcome of {name} in {seconds} s: {seen}\n{self.log.read_text()[-4000:]}")

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=15)


StartApp = Callable[..., RunningApp]


def upload(
    storage: str, container: str, name: str, level: int, metadata: dict[str, str] | None = None
) -> BlobProperties:
    """Put a 32x32 picture of one grey level; what storage then says of it."""
    buffer = io.BytesIO()
    Image.new("L", (32, 32), level).save(buffer, "PNG")
    service = BlobServiceClient.from_connection_string(storage, api_version=API_VERSION)
    blob = service.get_blob_client(container, name)
    blob.upload_blob(buffer.getvalue(), metadata=metadata, content_settings=ContentSettings("image/png"))
    return blob.get_blob_properties()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def new_container(azurite: Any) -> Callable[[], tuple[str, str]]:
    """Makes a container of its own; (connection string, name)."""

    def make() -> tuple[str, str]:
        name, storage = f"img-{uuid.uuid4().hex[:12]}", azurite.connection_string
        BlobServiceClient.from_connection_string(storage, api_version=API_VERSION).create_container(name)
        return storage, name

    return make


@pytest.fixture
def start_app(new_container: Callable[[], tuple[str, str]], tmp_path: Path) -> Iterator[StartApp]:
    """Starts ``python -m functions_host`` on a folder and waits until it answers; stops it afterwards."""
    running: list[RunningApp] = []

    def start(
        folder: Path, *, python: Path | None = None, environment: dict[str, str] | None = None
    ) -> RunningApp:
        port, log = _free_port(), tmp_path / f"host-{len(running)}.log"
        storage, container = new_container()
        database = f"sqlite:///{tmp_path / 'results.db'}"
        migrate(database)
        settings = {
            "AzureWebJobsStorage": storage, "IMAGE_STORAGE": storage,
            "IMAGE_CONTAINER": container, "QUARANTINE_CONTAINER": f"{container}-q",
            "SQL_CONNECTION_STRING": database, "TASKHUB_NAME": "PackageTest", "FUNCTIONS_WORKER_RUNTIME": "python",
            **(environment or {}),
        }  # fmt: skip
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        command = [
            str(python or sys.executable), "-m", "functions_host", "start", "--root", str(folder),
            "--port", str(port), "--state", str(tmp_path / f"state-{len(running)}"),
        ]  # fmt: skip
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=ROOT if python is None else folder, env={**inherited, **settings},
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        app = RunningApp(port, process, log, storage, container)
        running.append(app)
        _wait_until_ready(app)
        return app

    yield start
    for app in running:
        app.stop()


def migrate(database: str) -> None:
    """Bring a database to the newest schema."""
    subprocess.run(
        [sys.executable, "-m", "sql_migrations", "up", "--database", database],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )


def _wait_until_ready(app: RunningApp) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if app.process.poll() is not None:
            pytest.fail(f"the host ended with {app.process.returncode}:\n{app.log.read_text()}")
        try:
            if app.get("/admin/host/ping")[0] == 200:
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the host was not ready in 60 s:\n{app.log.read_text()}")
