"""What the runner needs from a database, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from database_connection.connection_string import dialect_of
from sql_migrations.errors import MigrationError
from sql_migrations.files import MigrationFile
from sql_migrations.plan import HistoryEntry


class Session(Protocol):
    """One transaction that holds the deployers' lock; it commits when its block ends without an error."""

    def history(self) -> Sequence[HistoryEntry]:
        """The record so far, oldest first; the history table is made if there is none."""

    def run(self, file: MigrationFile) -> None:
        """Run every batch of the file. Raises MigrationError naming the file and the database's message."""

    def record(self, entry: HistoryEntry, milliseconds: int) -> None:
        """Add one line to the record."""


class Engine(Protocol):
    """A database that can be migrated."""

    dialect: str
    display_name: str  # the database as shown to people, without secrets

    def read_history(self) -> Sequence[HistoryEntry]:
        """The record, changing nothing: empty where there is no database or no record yet."""

    def exclusive(self) -> AbstractContextManager[Session]:
        """Begin a transaction under a lock that keeps a second deployer out until it ends."""

    def batches(self, file: MigrationFile) -> list[str]:
        """The statements or batches of a file, as they are sent."""


def open_engine(database: str) -> Engine:
    """The engine for ``sqlite:///path`` or an ODBC connection string; MigrationError if it is neither."""
    dialect = dialect_of(database)
    if dialect == "sqlite":
        from sql_migrations.sqlite_engine import SqliteEngine

        return SqliteEngine.at_url(database)
    if dialect == "mssql":
        # Imported here only: pyodbc needs a system library that a machine without SQL Server lacks.
        from sql_migrations.mssql_engine import MssqlEngine

        return MssqlEngine(database)
    raise MigrationError("the database must be sqlite:///path or an ODBC connection string (Server=...;...)")
