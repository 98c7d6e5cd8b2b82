"""Migrating SQLite: one BEGIN IMMEDIATE per file is both the transaction and the deployers' lock."""

from __future__ import annotations

import getpass
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from database_connection.connection_string import sqlite_path
from sql_migrations.errors import DatabaseUnreachableError, MigrationError
from sql_migrations.files import MigrationFile
from sql_migrations.plan import HistoryEntry
from sql_migrations.sql_text import sqlite_statements

LOCK_WAIT_SECONDS = 60.0

_MAKE_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_history (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    file_name TEXT NOT NULL,
    version INTEGER NULL,
    checksum TEXT NOT NULL,
    action TEXT NOT NULL,
    applied_at TEXT NOT NULL,
    applied_by TEXT NOT NULL,
    milliseconds INTEGER NOT NULL
)
"""
_HAS_HISTORY = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_history'"
_READ_HISTORY = "SELECT file_name, version, checksum, action, applied_at FROM schema_history ORDER BY seq"
_RECORD = """
INSERT INTO schema_history (file_name, version, checksum, action, applied_at, applied_by, milliseconds)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""


class SqliteEngine:
    """A SQLite file; `up` makes it and its folder if they are not there."""

    dialect = "sqlite"

    def __init__(self, path: Path, lock_wait_seconds: float = LOCK_WAIT_SECONDS) -> None:
        self.display_name = f"sqlite:///{path}"
        self._path = path
        self._lock_wait_seconds = lock_wait_seconds

    @classmethod
    def at_url(cls, url: str) -> SqliteEngine:
        """From ``sqlite:///relative`` or ``sqlite:////absolute``."""
        path = sqlite_path(url)
        if not path:
            raise MigrationError("sqlite:/// needs a path after the third slash")
        return cls(Path(path))

    def read_history(self) -> Sequence[HistoryEntry]:
        """The record; an absent file stays absent."""
        if not self._path.exists():
            return []
        with self._connected() as connection:
            return _history(connection)

    @contextmanager
    def exclusive(self) -> Iterator[SqliteSession]:
        """One transaction that writes alone."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._connected() as connection:
            self._use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            yield SqliteSession(connection)
            connection.execute("COMMIT")

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Switch a new file over. SQLite does not wait for another writer here, whatever the timeout says."""
        deadline = time.monotonic() + self._lock_wait_seconds
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def batches(self, file: MigrationFile) -> list[str]:
        """Single statements."""
        return sqlite_statements(file.text)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Closing the connection undoes what was not committed."""
        try:
            with closing(
                sqlite3.connect(self._path, timeout=self._lock_wait_seconds, isolation_level=None)
            ) as connection:
                yield connection
        except sqlite3.Error as error:
            raise DatabaseUnreachableError(f"{self.display_name}: {error}") from error


class SqliteSession:
    """The statements of one migration transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def history(self) -> Sequence[HistoryEntry]:
        """The record, made if absent."""
        self._connection.execute(_MAKE_HISTORY)
        return _history(self._connection)

    def run(self, file: MigrationFile) -> None:
        """Run the file's statements one by one inside the transaction."""
        for number, statement in enumerate(sqlite_statements(file.text), start=1):
            try:
                self._connection.execute(statement).fetchall()
            except sqlite3.Error as error:
                raise MigrationError(f"{file.name}, statement {number}: {error}") from error

    def record(self, entry: HistoryEntry, milliseconds: int) -> None:
        """Add one line."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._connection.execute(
            _RECORD,
            (
                entry.file_name,
                entry.version,
                entry.checksum,
                entry.action,
                now,
                getpass.getuser(),
                milliseconds,
            ),
        )


def _history(connection: sqlite3.Connection) -> list[HistoryEntry]:
    if connection.execute(_HAS_HISTORY).fetchone() is None:
        return []
    return [HistoryEntry(*row) for row in connection.execute(_READ_HISTORY)]
