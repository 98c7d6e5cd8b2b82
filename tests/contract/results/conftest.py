"""One store under test after the other: SQLite always, SQL Server where TEST_SQL_CONNECTION_STRING is set."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from function_app.models.identity import run_id_of
from function_app.models.runs import Outcome, RunRecord, Score
from function_app.results.store import SqlResultStore
from sql_migrations import runner
from sql_migrations.engine import open_engine
from sql_migrations.files import folder_for, read_folder

NO_SERVER = "TEST_SQL_CONNECTION_STRING is not set: no live T-SQL engine to test against"
TABLES = ("scores", "attempts", "hourly_totals", "runs")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class SteppingClock:
    """Moves on by one second each time it is read."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@dataclass
class Kit:
    """A migrated, empty database and ways to look at it from outside the store."""

    dialect: str
    open: Callable[[], SqlResultStore]  # a store of its own on the same database
    query: Callable[[str], list[tuple[Any, ...]]]  # SQL as text, for assertions only
    clock: SteppingClock = field(default_factory=SteppingClock)


def migrate(database: str) -> None:
    engine = open_engine(database)
    runner.up(engine, read_folder(folder_for(engine.dialect)))


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A migrated SQLite file, made once and copied for each test."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    return path.read_bytes()


@pytest.fixture(scope="session")
def live_sql() -> str:
    """The connection string of a migrated throw-away database on a live engine, or a skip with its reason."""
    connection_string = os.environ.get("TEST_SQL_CONNECTION_STRING")
    if not connection_string:
        pytest.skip(NO_SERVER)
    engine = open_engine(connection_string)
    if "test" not in engine.display_name.rpartition("/")[2].lower():
        pytest.fail("TEST_SQL_CONNECTION_STRING must name a database with 'test' in its name: it is emptied")
    runner.up(engine, read_folder(folder_for("mssql")))
    return connection_string


@pytest.fixture(params=["sqlite", pytest.param("mssql", marks=pytest.mark.live_sql)])
def kit(request: pytest.FixtureRequest) -> Iterator[Kit]:
    """Every test that takes this runs on both stores."""
    maker = sqlite_kit if request.param == "sqlite" else mssql_kit
    yield from maker(request)


@pytest.fixture
def store(kit: Kit) -> SqlResultStore:
    return kit.open()


def sqlite_kit(request: pytest.FixtureRequest) -> Iterator[Kit]:
    from function_app.results.sqlite.database import open_sqlite_store

    path: Path = request.getfixturevalue("tmp_path") / "runs.db"
    path.write_bytes(request.getfixturevalue("empty_sqlite"))

    def query(sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path)) as database:
            return database.execute(sql).fetchall()

    made: Kit = Kit("sqlite", lambda: open_sqlite_store(str(path), made.clock), query)
    yield made


@pytest.fixture(scope="session")
def live_database(live_sql: str) -> Iterator[Any]:
    """One pool for all tests: signing in takes longer than most of them."""
    from function_app.results.mssql.database import MssqlDatabase

    database = MssqlDatabase(live_sql)
    yield database
    database.close()


@pytest.fixture(scope="session")
def live_connection(live_sql: str) -> Iterator[Any]:
    """A connection beside the store's, for assertions."""
    from sql_migrations.mssql_engine import connect

    with closing(connect(live_sql)) as connection:
        yield connection


def mssql_kit(request: pytest.FixtureRequest) -> Iterator[Kit]:
    database = request.getfixturevalue("live_database")
    connection = request.getfixturevalue("live_connection")

    def query(sql: str) -> list[tuple[Any, ...]]:
        cursor = connection.execute(sql)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []

    for table in TABLES:
        query(f"DELETE FROM dbo.{table}")
    made: Kit = Kit("mssql", lambda: SqlResultStore(database, made.clock), query)
    yield made


@pytest.fixture
def make_run() -> Callable[..., RunRecord]:
    """A record of a run of the blob ``name``; keywords change its fields."""

    def make(name: str = "cam-1/a.png", **changes: Any) -> RunRecord:
        fields: dict[str, Any] = {
            "container": "img",
            "blob_name": name,
            "etag": "0x8D1",
            "size_bytes": 900,
            "outcome": Outcome.SCORED,
            "attempt": 1,
            "started_at": NOON - timedelta(seconds=1),
            "finished_at": NOON + timedelta(microseconds=123456),
            "device_id": "cam-1",
            "source_name": "a%20b.png",
            "captured_at": NOON - timedelta(seconds=5, microseconds=1),
            "uploaded_at": NOON - timedelta(seconds=3),
            "sha256": "ab" * 32,
        } | changes
        fields.setdefault("run_id", run_id_of(fields["container"], fields["blob_name"], fields["etag"]))
        return RunRecord(**fields)

    return make


@pytest.fixture
def pixel_sum() -> Callable[..., Score]:
    def make(value: int = 130_000, version: str = "1", scorer: str = "pixel_sum") -> Score:
        return Score(scorer, version, value, NOON + timedelta(microseconds=654321))

    return make
