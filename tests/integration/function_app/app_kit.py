"""The real app on the embedded host with a real Azurite and SQLite, for the tests of what lives and what is forgotten.

Time is virtual, so that a run which waits for its next try waits for as long as the test likes.
"""

from __future__ import annotations

import io
import itertools
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from azure.storage.blob import BlobServiceClient, ContainerClient
from PIL import Image

from functions_host.clock import VirtualClock
from functions_host.testing import RunningApp, start_app
from sql_migrations import runner
from sql_migrations.files import folder_for, read_folder
from sql_migrations.sqlite_engine import SqliteEngine

ROOT = Path(__file__).resolve().parents[3]
_numbers = itertools.count()


def grey(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (32, 32), level % 256).save(file, "PNG")
    return file.getvalue()


@dataclass
class Place:
    """Storage, database and task hub that outlive the app's processes."""

    storage: str
    folder: Path
    name: str
    service: BlobServiceClient

    @property
    def images(self) -> ContainerClient:
        return self.service.get_container_client(self.name)

    @property
    def quarantine(self) -> ContainerClient:
        return self.service.get_container_client(f"{self.name}-q")

    @property
    def database(self) -> Path:
        return self.folder / "results.db"

    @property
    def hub(self) -> Path:
        return self.folder / "state" / f"durable-{self.hub_name.lower()}.db"

    @property
    def hub_name(self) -> str:
        return "Hub" + self.name.replace("-", "")

    @contextmanager
    def app(self) -> Iterator[RunningApp]:
        """A process of the app. Its sweep and purge come when they are asked for."""
        settings = {
            "AzureWebJobsStorage": self.storage, "IMAGE_STORAGE": self.storage, "IMAGE_CONTAINER": self.name,
            "QUARANTINE_CONTAINER": f"{self.name}-q", "TASKHUB_NAME": self.hub_name,
            "SQL_CONNECTION_STRING": f"sqlite:///{self.database}", "BLOB_TRIGGER_SOURCE": "LogsAndContainerScan",
            "FUNCTIONS_HOST_BLOB_POLL_SECONDS": "0.2", "SWEEP_SCHEDULE": "0 0 0 1 1 *",
            "PURGE_SCHEDULE": "0 0 0 1 1 *",
        }  # fmt: skip
        with start_app(ROOT, settings=settings, state=self.folder / "state", clock=VirtualClock()) as running:
            yield running

    def segments(self) -> list[str]:
        return [blob.name for blob in self.quarantine.list_blobs(name_starts_with="live/")]

    @contextmanager
    def without_database(self) -> Iterator[None]:
        """It is back afterwards; runs that failed meanwhile wait on, as their clock stands still."""
        resources().store.close()
        away = self.database.rename(self.database.with_suffix(".away"))
        yield
        away.rename(self.database)

    @contextmanager
    def read_only_database(self) -> Iterator[None]:
        """Somebody else writes all the while: runs cannot end, and rows can be read."""
        with closing(sqlite3.connect(self.database)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            yield


def make_place(azurite: Any, folder: Path) -> Place:
    """A place of its own, with empty tables."""
    name = f"img-live-{next(_numbers)}"
    service = BlobServiceClient.from_connection_string(azurite.connection_string, api_version="2025-11-05")
    place = Place(azurite.connection_string, folder, name, service)
    service.create_container(name)
    service.create_container(f"{name}-q")
    runner.up(SqliteEngine(place.database), read_folder(folder_for("sqlite")))
    return place


def resources() -> Any:
    """The resources of the app that runs in this process."""
    return sys.modules["function_app.workflow.resources"].resources()


def advance_the_app_s_clock(seconds: float) -> None:
    """The list of live runs is renewed after a second: here it has passed."""
    live_runs = resources().live_runs
    ahead = timedelta(seconds=seconds) + (live_runs.now() - datetime.now(UTC))
    live_runs.now = lambda: datetime.now(UTC) + ahead


def counts(app: RunningApp, query: str = "") -> dict[str, Any]:
    advance_the_app_s_clock(2)
    told: dict[str, Any] = app.get(f"/api/stats{query}").json()["counts"]
    return told


def all_live(app: RunningApp) -> list[dict[str, Any]]:
    return [run for state in ("waiting", "running", "retrying") for run in live(app, state)]


def live(app: RunningApp, state: str, query: str = "") -> list[dict[str, Any]]:
    advance_the_app_s_clock(2)
    answer = app.get(f"/api/runs?state={state}{query}")
    assert answer.status == 200, answer.text
    runs: list[dict[str, Any]] = answer.json()["runs"]
    return runs
