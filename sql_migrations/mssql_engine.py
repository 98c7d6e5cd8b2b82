"""Migrating Azure SQL and SQL Server: one transaction per file, held by an application lock.

Statements stay within what Azure SQL and Babelfish both understand. Result sets are drained, because
an error in a later statement of a batch only surfaces when the reader reaches it.

Errors carry the driver's own words, for the person who deploys (the hook reads a refused address out of them), with
the password masked; their cause is left out on purpose, because its text was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from database_connection import sql_server
from database_connection.connection_string import (
    MalformedConnectionStringError,
    for_odbc,
    parse,
    without_password,
    write,
)
from sql_migrations.errors import DatabaseUnreachableError, MigrationError
from sql_migrations.files import MigrationFile
from sql_migrations.plan import HistoryEntry
from sql_migrations.sql_text import go_batches

# A serverless database may need most of a minute to resume, and nobody waits behind this one sign-in.
LOGIN_TIMEOUT_SECONDS = 60
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
        pairs = self._pairs = _pairs(connection_string)
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
            yield MssqlSession(cursor, lambda error: without_password(str(error), self._pairs))
            cursor.execute(COMMIT)

    def batches(self, file: MigrationFile) -> list[str]:
        """Batches as cut by GO."""
        return go_batches(file.text)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        connection = connect(self._connection_string)
        import pyodbc

        try:
            yield connection.cursor()
        except pyodbc.Error as error:
            raise DatabaseUnreachableError(without_password(str(error), self._pairs)) from None
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


def connect(connection_string: str) -> Any:
    """An open pyodbc connection in autocommit mode (transactions are begun by statement).

    Raises MigrationError for a malformed string and for what is missing on this computer, DatabaseUnreachableError
    for the rest.
    """
    pairs = _pairs(connection_string)
    try:
        pyodbc: Any = sql_server.load_pyodbc()
        attributes: dict[int, bytes] = {}
        if sql_server.wants_token(pairs):
            tokens = sql_server.AccessTokens(sql_server.default_credential())
            attributes[sql_server.ACCESS_TOKEN_ATTRIBUTE] = tokens.packed()
        complete = write(sql_server.completed(pairs, sql_server.driver))
    except sql_server.MissingHereError as error:
        raise MigrationError(str(error)) from error
    except sql_server.NoTokenError as error:
        raise DatabaseUnreachableError(str(error)) from None
    try:
        return pyodbc.connect(
            complete, autocommit=True, timeout=LOGIN_TIMEOUT_SECONDS, attrs_before=attributes
        )
    except pyodbc.Error as error:
        raise DatabaseUnreachableError(without_password(str(error), pairs)) from None


def _pairs(connection_string: str) -> dict[str, str]:
    try:
        pairs = parse(connection_string)
    except MalformedConnectionStringError as error:
        raise MigrationError(str(error)) from None
    if (remedy := for_odbc(pairs)) is not None:
        raise MigrationError(f"the connection string is one of ADO.NET; for ODBC write: {remedy}")
    return pairs
