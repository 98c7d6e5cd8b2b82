"""What the store needs from a database connection, whichever library is behind it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from function_app.errors import StoreUnavailable
from function_app.results.statements import Statements


class DuplicateKey(Exception):  # noqa: N818  (a signal between adapter and store, never seen by callers)
    """An insert met a row under its unique key; the transaction is undone."""


class DeadlockVictim(StoreUnavailable):
    """The engine rolled back this transaction to free another: it may be retried at once."""

    reason = "deadlock"


class DatabaseCursor(Protocol):
    """The part of a DB-API cursor that is used here."""

    @property
    def rowcount(self) -> int:
        """Rows touched by the last statement."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Any:
        """Run one statement."""

    def fetchone(self) -> Any:
        """The next row or None."""

    def fetchall(self) -> list[Any]:
        """The remaining rows."""


class Database(Protocol):
    """Transactions on one database; every library error leaves as Permanent, Transient or DuplicateKey."""

    name: str
    statements: Statements
    # Whether a row can be read in microseconds, without waiting for the network or a writer.
    reads_at_once: bool

    def time(self, when: datetime) -> str:
        """A time as this database's parameter: UTC text with microseconds."""

    def writing(self) -> AbstractContextManager[DatabaseCursor]:
        """One transaction, committed when the block ends, undone when an exception leaves it."""

    def reading(self) -> AbstractContextManager[DatabaseCursor]:
        """Reads only."""

    def close(self) -> None:
        """Close idle connections."""
