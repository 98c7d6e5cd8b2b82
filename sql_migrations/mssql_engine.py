"""Migrating Azure SQL and SQL Server: one transaction per file, held by an application lock.

Statements stay within what Azure SQL and Babelfish both understand. Result sets are drained, because
an error in a later statement of a batch only surfaces when the reader reaches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sql_migrations import odbc
from sql_migrations.errors import DatabaseUnreachableError, MigrationError
from sql_migrations.files import MigrationFile
from sql_migrations.plan import HistoryEntry
from sql_migrations.sql_text import go_batches

# The lock belongs to the transaction, so that a killed deployer leaves nothing behind.
LOCK = """
DECLARE @got INT;
EXEC @got = sp_getapplock
    @Resource = N'sql_migrations', @LockMode = 'Exclusive', @LockOwner = 'Transaction', @LockTimeout = 60000;
SELECT @got AS got;
"""
HAS_HISTORY = "SELECT OBJECT_ID(N'dbo.schema_history', N'U') AS found"
MAKE_HISTORY = """
CREATE TABLE dbo.schema_history (
    seq INT IDENTITY (1, 1) NOT NULL,
    file_name NVARCHAR(255) NOT NULL,
    version INT NULL,
    checksum CHAR(64) NOT NULL,
    action VARCHAR(16) NOT NULL,
    applied_at DATETIME2(6) NOT NULL,
    applied_by NVARCHAR(128) NOT NULL,
    milliseconds INT NOT NULL,
    CONSTRAINT schema_history_key PRIMARY KEY (seq)
)
"""
READ_HISTORY = """
SELECT
    file_name,
    version,
    checksum,
    action,
    CONVERT(VARCHAR(33), applied_at, 126) + 'Z' AS applied_at
FROM dbo.schema_history
ORDER BY seq
"""
RECORD = """
INSERT INTO dbo.schema_history (file_name, version, checksum, action, applied_at, applied_by, milliseconds)
VALUES (?, ?, ?, ?, SYSUTCDATETIME(), SUSER_SNAME(), ?)
"""
BEGIN = "BEGIN TRANSACTION"
COMMIT = "COMMIT TRANSACTION"


class MssqlEngine:
    """A database behind an ODBC connection string."""

    dialect = "mssql"

    def __init__(self, connection_string: str) -> None:
        self._connection_string = connection_string
        pairs = odbc.keywords(connection_string)
        self.display_name = f"{pairs.get('server', '?')}/{pairs.get('database', '?')}"

    def read_history(self) -> Sequence[HistoryEntry]:
        """The record, changing nothing."""
        with self._connected() as cursor:
            return _history(cursor)

    @contextmanager
    def exclusive(self) -> Iterator[MssqlSession]:
        """One transaction under sp_getapplock; closing the connection undoes what was not committed."""
        with self._connected() as cursor:
            cursor.execute(BEGIN)
            cursor.execute(LOCK)
            got = _last_value(cursor)
            if got is None or got < 0:
                raise MigrationError("another deployment has held the migration lock for 60 s; try again")
            yield MssqlSession(cursor, lambda error: odbc.scrubbed(str(error), self._connection_string))
            cursor.execute(COMMIT)

    def batches(self, file: MigrationFile) -> list[str]:
        """Batches as cut by GO."""
        return go_batches(file.text)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        connection = odbc.connect(self._connection_string)
        import pyodbc

        try:
            yield connection.cursor()
        except pyodbc.Error as error:
            # The cause is left out on purpose: its text was not scrubbed.
            raise DatabaseUnreachableError(odbc.scrubbed(str(error), self._connection_string)) from None
        finally:
            connection.close()


class MssqlSession:
    """The statements of one migration transaction."""

    def __init__(self, cursor: Any, words_of: Callable[[Exception], str] = str) -> None:
        self._cursor = cursor
        self._words_of = words_of

    def history(self) -> Sequence[HistoryEntry]:
        """The record, made if absent."""
        if _one(self._cursor, HAS_HISTORY) is None:
            self._cursor.execute(MAKE_HISTORY)
        return _history(self._cursor)

    def run(self, file: MigrationFile) -> None:
        """Run the file's batches, draining every result set so that late errors surface."""
        import pyodbc

        for number, batch in enumerate(go_batches(file.text), start=1):
            try:
                self._cursor.execute(batch)
                while self._cursor.nextset():
                    pass
            except pyodbc.Error as error:
                # The cause is left out on purpose: its text was not scrubbed.
                raise MigrationError(f"{file.name}, batch {number}: {self._words_of(error)}") from None

    def record(self, entry: HistoryEntry, milliseconds: int) -> None:
        """Add one line."""
        self._cursor.execute(
            RECORD, (entry.file_name, entry.version, entry.checksum, entry.action, milliseconds)
        )


def _history(cursor: Any) -> list[HistoryEntry]:
    if _one(cursor, HAS_HISTORY) is None:
        return []
    return [HistoryEntry(*row) for row in cursor.execute(READ_HISTORY).fetchall()]


def _one(cursor: Any, statement: str) -> Any:
    row = cursor.execute(statement).fetchone()
    return row[0] if row else None


def _last_value(cursor: Any) -> int | None:
    """The value of the last result set: EXEC may put empty ones before it."""
    value: int | None = None
    while True:
        if cursor.description is not None:
            row = cursor.fetchone()
            value = row[0] if row else value
        if not cursor.nextset():
            return value
