"""Faults on SQLite: a lost reply to COMMIT, deadlocks, a full disk, no tables, a killed process."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from function_app.errors import Permanent, StoreUnavailable, Transient
from function_app.models.runs import Recorded, RunRecord, Score
from function_app.results.database import DeadlockVictim
from function_app.results.sqlite.database import BUSY_SECONDS, SqliteDatabase, open_sqlite_store, translated
from function_app.results.store import SqlResultStore

MakeRun = Callable[..., RunRecord]
MakeScore = Callable[..., Score]


class DeafCursor(sqlite3.Cursor):
    """Commits, and then says that it does not know whether it did."""

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:  # type: ignore[override]
        done = super().execute(sql, *parameters)
        if sql == "COMMIT" and type(self.connection).deaf:  # type: ignore[attr-defined]
            type(self.connection).deaf = False  # type: ignore[attr-defined]
            lost = sqlite3.OperationalError("disk I/O error")
            lost.sqlite_errorcode = sqlite3.SQLITE_IOERR
            raise lost
        return done


class DeafConnection(sqlite3.Connection):
    deaf = False

    def cursor(self, *_: Any) -> DeafCursor:  # type: ignore[override]
        return super().cursor(DeafCursor)


class DeadlockingDatabase(SqliteDatabase):
    """Undoes the first ``victims`` transactions at their end, as a server does with a deadlock's victim."""

    victims = 0

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Cursor]:
        with super().writing() as cursor:
            yield cursor
            if self.victims:
                self.victims -= 1
                raise DeadlockVictim("chosen")


@pytest.fixture
def path(tmp_path: Path, empty_sqlite: bytes) -> Path:
    path = tmp_path / "faults.db"
    path.write_bytes(empty_sqlite)
    return path


def rows_of(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def test_the_reply_to_commit_lost_a_hundred_times_leaves_one_row_each(
    path: Path, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    store = SqlResultStore(SqliteDatabase(path, factory=DeafConnection))
    for n in range(100):
        DeafConnection.deaf = True
        with pytest.raises(Transient):
            store.record_scored(make_run(f"{n}"), [pixel_sum(n)])
        assert store.record_scored(make_run(f"{n}"), [pixel_sum(n)]) is Recorded.ALREADY_RECORDED
    assert rows_of(path, "SELECT COUNT(*), COUNT(DISTINCT run_id) FROM runs") == [(100, 100)]
    assert rows_of(path, "SELECT SUM(value), COUNT(*) FROM scores") == [(sum(range(100)), 100)]
    assert store.counts().scored == 100


def test_a_deadlock_victim_is_tried_again_a_hundred_times_without_a_duplicate(
    path: Path, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    database = DeadlockingDatabase(path)
    store = SqlResultStore(database)
    for n in range(100):
        database.victims = 1 + n % 3
        assert store.record_scored(make_run(f"{n}"), [pixel_sum(n)]) is Recorded.INSERTED
    assert rows_of(path, "SELECT COUNT(*), COUNT(DISTINCT run_id) FROM runs") == [(100, 100)]
    assert store.counts().scored == 100


def test_endless_deadlocks_are_raised_as_transient(path: Path, make_run: MakeRun) -> None:
    database = DeadlockingDatabase(path)
    database.victims = 10_000
    with pytest.raises(StoreUnavailable):
        SqlResultStore(database).record_scored(make_run(), [])


def test_a_locked_database_is_transient_and_works_again_afterwards(
    path: Path, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    store = SqlResultStore(SqliteDatabase(path, busy_seconds=0.05))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Transient, match="locked"):
            store.record_scored(make_run(), [pixel_sum()])
    assert store.record_scored(make_run(), [pixel_sum()]) is Recorded.INSERTED


def test_a_database_that_is_absent_or_not_migrated_is_transient_with_the_remedy(
    tmp_path: Path, make_run: MakeRun
) -> None:
    path = tmp_path / "late.db"
    store = open_sqlite_store(str(path))
    with pytest.raises(Transient):
        store.ping()
    assert not path.exists()
    sqlite3.connect(path).close()
    assert store.ping().schema_version == 0
    with pytest.raises(Transient, match="python -m sql_migrations up"):
        store.run(make_run().run_id)


def test_runs_wait_while_the_file_is_no_database_and_go_on_once_it_is_put_back(
    path: Path, make_run: MakeRun, pixel_sum: MakeScore
) -> None:
    whole = path.read_bytes()
    path.write_bytes(b"words" * 1000)
    store = open_sqlite_store(str(path))
    with pytest.raises(Transient, match="not a SQLite database"):
        store.record_scored(make_run(), [pixel_sum()])
    path.write_bytes(whole)
    assert store.record_scored(make_run(), [pixel_sum()]) is Recorded.INSERTED


def test_what_lies_in_the_statement_or_its_values_is_permanent() -> None:
    for code in (
        "SQLITE_CONSTRAINT_CHECK",
        "SQLITE_CONSTRAINT_FOREIGNKEY",
        "SQLITE_MISMATCH",
        "SQLITE_ERROR",
    ):
        error = sqlite3.OperationalError("words")
        error.sqlite_errorcode = getattr(sqlite3, code)
        assert isinstance(translated(error), Permanent)


@pytest.mark.parametrize(
    "code",
    [
        "SQLITE_FULL",
        "SQLITE_READONLY",
        "SQLITE_IOERR",
        "SQLITE_BUSY",
        "SQLITE_CANTOPEN",
        "SQLITE_IOERR_FSYNC",
        "SQLITE_PERM",
        "SQLITE_NOTADB",
        "SQLITE_CORRUPT",
    ],
)
def test_faults_of_disk_and_locks_are_transient(code: str) -> None:
    error = sqlite3.OperationalError("words")
    error.sqlite_errorcode = getattr(sqlite3, code)
    assert isinstance(translated(error), Transient)


WRITER = """
import sys
from datetime import UTC, datetime
from function_app.models.identity import run_id_of
from function_app.models.runs import Outcome, RunRecord, Score
from function_app.results.sqlite.database import open_sqlite_store
store, now = open_sqlite_store(sys.argv[1]), datetime.now(UTC)
for n in range(100000):
    run_id = run_id_of("img", str(n), "0x1")
    run = RunRecord(run_id, "img", str(n), "0x1", 9, Outcome.SCORED, 1, now)
    store.record_scored(run, [Score("pixel_sum", "1", n, now)])
    print(run_id, flush=True)
"""


def test_what_was_said_to_be_written_survives_kill_9(path: Path) -> None:
    said: set[str] = set()
    for _ in range(2):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(50):
            said.add(writer.stdout.readline().strip())
        writer.kill()
        writer.wait()
        writer.stdout.close()
    assert rows_of(path, "PRAGMA integrity_check") == [("ok",)]
    store = open_sqlite_store(str(path))
    assert store.known_run_ids(said) == said
    assert rows_of(path, "SELECT COUNT(*) FROM runs") == rows_of(path, "SELECT COUNT(*) FROM scores")
    assert rows_of(path, "SELECT COUNT(*) FROM runs") == [(store.counts().scored,)]


def test_a_reader_is_told_at_once_that_somebody_holds_the_whole_file(path: Path) -> None:
    """A run is read on the event loop: it may not stand still for as long as a writer would wait."""
    store = open_sqlite_store(str(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="locked"):
            store.run("0" * 32)
        assert time.monotonic() - began < BUSY_SECONDS / 2
