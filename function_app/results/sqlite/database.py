"""The store on SQLite: the default on one computer, and the reference for the other adapter.

Write-ahead log with ``synchronous = FULL``: a committed row survives kill -9 either way, but once it
is committed the device's file is deleted, so that it must survive a power cut too, and NORMAL loses
the newest commits then. It costs one fsync per commit (tests/bench/bench_queries.py measures it).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from function_app.errors import Misconfigured, Permanent, PipelineError, StoreUnavailable
from function_app.results.database import DuplicateKey
from function_app.results.pool import ConnectionPool
from function_app.results.sqlite.statements import SQLITE
from function_app.results.store import SqlResultStore

# How long a writer waits for another. A reader never waits for a writer (write-ahead log), only for a lock on the whole
# file, and then not for long, because a run is read on the event loop.
BUSY_SECONDS = 20.0
READER_BUSY_SECONDS = 0.25

_DUPLICATE = {sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE}
# None of these lies in the statement or its values. The file may be unlocked, made readable, put back whole,
# the disk given room, by time or by the operator, while runs wait and say why.
_PASSING = {
    sqlite3.SQLITE_BUSY: "the database is locked by another writer",
    sqlite3.SQLITE_LOCKED: "the database is locked by another writer",
    sqlite3.SQLITE_PROTOCOL: "the database is locked by another writer",
    sqlite3.SQLITE_CANTOPEN: "the database file cannot be opened",
    sqlite3.SQLITE_READONLY: "the database is read-only",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_NOMEM: "out of memory",
    sqlite3.SQLITE_SCHEMA: "the schema is being changed",
    sqlite3.SQLITE_INTERRUPT: "interrupted",
    sqlite3.SQLITE_PERM: "the database file may not be used by this user",
    sqlite3.SQLITE_AUTH: "the database file may not be used by this user",
    sqlite3.SQLITE_NOTADB: "the file is not a SQLite database",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged: put a good copy in its place",
}


def open_sqlite_store(path: str, clock: Callable[[], datetime] | None = None) -> SqlResultStore:
    """The store in the SQLite file at ``path``, which the migrations have made. Raises Misconfigured."""
    if not path:
        raise Misconfigured("sqlite:/// needs a path after the third slash")
    database = SqliteDatabase(Path(path))
    return SqlResultStore(database) if clock is None else SqlResultStore(database, clock)


class SqliteDatabase:
    """Transactions on one SQLite file, each on a pooled connection of its own."""

    name = "sqlite"
    statements = SQLITE
    reads_at_once = True  # a file, whose write-ahead log makes no reader wait for a writer

    def __init__(
        self,
        path: Path,
        factory: type[sqlite3.Connection] = sqlite3.Connection,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self._path = path
        self._factory = factory
        self._busy_seconds = busy_seconds
        self._pool = ConnectionPool(self._connect, _is_alive)

    def time(self, when: datetime) -> str:
        """``YYYY-MM-DDTHH:MM:SS.ffffffZ``: sorts as text."""
        return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Cursor]:
        """BEGIN IMMEDIATE: the lock is taken before anything is read, so no upgrade can deadlock."""
        with self._transaction("BEGIN IMMEDIATE", self._busy_seconds) as cursor:
            yield cursor

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Cursor]:
        """A snapshot: all reads of the block see the same moment."""
        with self._transaction("BEGIN", min(READER_BUSY_SECONDS, self._busy_seconds)) as cursor:
            yield cursor

    def close(self) -> None:
        """Close idle connections."""
        self._pool.close()

    @contextmanager
    def _transaction(self, begin: str, busy_seconds: float) -> Iterator[sqlite3.Cursor]:
        duplicate = False
        try:
            with self._pool.connection() as connection:
                cursor = connection.cursor()
                cursor.execute(f"PRAGMA busy_timeout = {int(1000 * busy_seconds)}")
                cursor.execute(begin)
                try:
                    yield cursor
                    cursor.execute("COMMIT")
                except sqlite3.IntegrityError as error:
                    if error.sqlite_errorcode not in _DUPLICATE:
                        raise
                    cursor.execute("ROLLBACK")
                    duplicate = True
        except sqlite3.Error as error:
            raise translated(error) from error
        if duplicate:
            raise DuplicateKey

    def _connect(self) -> sqlite3.Connection:
        # mode=rw: the store never makes a database; an empty one would hide a wrong path.
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=min(READER_BUSY_SECONDS, self._busy_seconds),
            isolation_level=None,
            check_same_thread=False,
            factory=self._factory,
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection


def translated(error: sqlite3.Error) -> PipelineError:
    """A SQLite error as Transient or Permanent. Extended codes carry the primary one in their low byte."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF in _PASSING:
        return StoreUnavailable(_PASSING[code & 0xFF])
    if code == sqlite3.SQLITE_ERROR and "no such" in str(error):
        return StoreUnavailable(
            "tables are missing: run `python -m sql_migrations up`", reason="not_migrated"
        )
    return Permanent(f"SQLite refused the statement ({type(error).__name__}: {error})", reason="store_error")


def _is_alive(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute(SQLITE.is_alive).fetchone()
    except sqlite3.Error:
        return False
    return True
