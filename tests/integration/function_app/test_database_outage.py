"""A minute without the database: runs say that they retry and why, then every image has its one right row.

The real app on the embedded host with a real Azurite and a SQLite file that is taken away; only time is
virtual, so that the minute takes seconds.
"""

from __future__ import annotations

import io
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient
from PIL import Image

from functions_host.clock import VirtualClock
from functions_host.testing import RunningApp, start_app
from sql_migrations import runner
from sql_migrations.files import folder_for, read_folder
from sql_migrations.sqlite_engine import SqliteEngine

pytestmark = pytest.mark.azurite
ROOT = Path(__file__).resolve().parents[3]


def grey(level: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (32, 32), level).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "results.db"
    runner.up(SqliteEngine(path), read_folder(folder_for("sqlite")))
    return path


@pytest.fixture
def container(azurite: Any) -> Iterator[ContainerClient]:
    with ContainerClient.from_connection_string(
        azurite.connection_string, "img-outage", api_version="2025-11-05"
    ) as client:
        client.create_container()
        yield client


@pytest.fixture
def app(azurite: Any, container: ContainerClient, database: Path) -> Iterator[RunningApp]:
    settings = {
        "AzureWebJobsStorage": azurite.connection_string, "IMAGE_STORAGE": azurite.connection_string,
        "IMAGE_CONTAINER": "img-outage", "QUARANTINE_CONTAINER": "img-outage-quarantine", "TASKHUB_NAME": "Outage",
        "SQL_CONNECTION_STRING": f"sqlite:///{database}", "BLOB_TRIGGER_SOURCE": "LogsAndContainerScan",
        "FUNCTIONS_HOST_BLOB_POLL_SECONDS": "0.2",
    }  # fmt: skip
    with start_app(ROOT, settings=settings, clock=VirtualClock()) as running:
        yield running


def retrying(app: RunningApp) -> list[dict[str, Any]]:
    """The runs that say they wait for their next try, each as it answers by itself."""
    listed = app.get("/api/runs?state=retrying").json()["runs"]
    told = [app.get(f"/api/runs/{run['run_id']}").json() for run in listed]
    return [run for run in told if run["state"] == "retrying"]


def rows_of(database: Path) -> dict[str, tuple[str, int | None]]:
    """Outcome and sum by blob name; an image with two rows would be there twice and fail the count below."""
    sql = """
        SELECT runs.blob_name, runs.outcome, scores.value
        FROM runs LEFT JOIN scores ON scores.run_id = runs.run_id AND scores.scorer = 'pixel_sum'"""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(sql).fetchall()
    assert len(rows) == len({name for name, _, _ in rows})
    return {name: (outcome, value) for name, outcome, value in rows}


def test_a_minute_without_the_database_loses_and_doubles_nothing_and_the_runs_say_why_they_wait(
    app: RunningApp, container: ContainerClient, database: Path
) -> None:
    container.upload_blob("before.png", grey(1))
    app.wait_until(lambda: len(rows_of(database)) == 1)

    sys.modules["function_app.workflow.resources"].resources().store.close()
    away = database.rename(database.with_suffix(".away"))
    container.upload_blob("during-1.png", grey(2))
    container.upload_blob("during-2.png", grey(3))
    container.upload_blob("during-bad.png", b"this is no picture")
    app.wait_until(lambda: len(retrying(app)) == 3)
    for run in retrying(app):
        assert run["cause"] == "store_unavailable: the database file cannot be opened"
        assert run["next_try_at"] > run["started_at"]
    assert app.get("/api/health").status == 503

    for _ in range(12):
        app.advance(timedelta(seconds=5))
        app.wait_until_idle()
    waited = retrying(app)
    assert [run["step"] for run in waited if "bad" in run["blob_name"]] == ["reject_image"]
    assert all(5 <= run["failed_try_count"] <= 6 for run in waited), "the delay grows: 2, 4, 8 ... 32 s"
    assert len(waited) == 3

    away.rename(database)
    app.advance(timedelta(seconds=60))
    app.wait_until(lambda: not retrying(app) and len(rows_of(database)) == 4)
    assert rows_of(database) == {
        "before.png": ("scored", 1024),
        "during-1.png": ("scored", 2 * 1024),
        "during-2.png": ("scored", 3 * 1024),
        "during-bad.png": ("rejected", None),
    }
