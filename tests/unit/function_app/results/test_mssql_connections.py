"""What the SQL Server adapter does with its connections, on a driver that behaves as Microsoft's was seen to."""

from __future__ import annotations

from typing import Any

import pytest

from database_connection import sql_server
from function_app.errors import StoreUnavailable
from function_app.results.database import DuplicateKey
from function_app.results.mssql.database import MssqlDatabase


class Error(Exception):
    """As pyodbc.Error."""


class IntegrityError(Error):
    """As pyodbc.IntegrityError."""


class Cursor:
    """Refuses while another cursor of its connection holds an unread answer; an error leaves one unread."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def execute(self, sql: str, *_: Any) -> Cursor:
        if self.connection.busy_with not in (None, self):
            raise Error("HY000", "[HY000] [Microsoft]Connection is busy with results for another command (0)")
        if sql == "duplicate":
            self.connection.busy_with = self
            raise IntegrityError("23000", "[23000] [Microsoft][SQL Server]Violation (2627) (SQLExecDirectW)")
        return self

    def close(self) -> None:
        if self.connection.busy_with is self:
            self.connection.busy_with = None


class Connection:
    """One connection; counts what ended its transactions."""

    def __init__(self) -> None:
        self.busy_with: Cursor | None = None
        self.ended: list[str] = []
        self.is_closed = False

    def cursor(self) -> Cursor:
        return Cursor(self)

    def commit(self) -> None:
        self.ended.append("commit")

    def rollback(self) -> None:
        self.ended.append("rollback")

    def close(self) -> None:
        self.is_closed = True


class Driver:
    """Stands in for pyodbc."""

    Error, IntegrityError = Error, IntegrityError

    def __init__(self) -> None:
        self.connections: list[Connection] = []

    def drivers(self) -> list[str]:
        return ["ODBC Driver 18 for SQL Server"]

    def connect(self, *_: Any, **__: Any) -> Connection:
        self.connections.append(Connection())
        return self.connections[-1]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    fake = Driver()
    monkeypatch.setattr(sql_server, "load_pyodbc", lambda: fake)
    return fake


def test_a_duplicate_key_leaves_the_connection_fit_for_its_next_user(driver: Driver) -> None:
    database = MssqlDatabase("Server=s")
    with pytest.raises(DuplicateKey) as kept, database.writing() as cursor:
        cursor.execute("duplicate")
    assert kept.tb is not None  # the traceback that keeps the cursor alive
    with database.writing() as cursor:
        cursor.execute("insert")
    assert [connection.ended for connection in driver.connections] == [["rollback", "commit"]]


def test_an_error_of_the_callers_own_is_undone_and_the_connection_kept(driver: Driver) -> None:
    database = MssqlDatabase("Server=s")
    for use in (database.writing, database.reading):
        with pytest.raises(ZeroDivisionError), use():
            raise ZeroDivisionError
    assert [connection.ended for connection in driver.connections] == [["rollback", "rollback"]]
    assert not driver.connections[0].is_closed


def test_a_connection_is_not_used_again_after_an_error_of_the_driver(driver: Driver) -> None:
    database = MssqlDatabase("Server=s")
    for use in (database.writing, database.reading):
        with pytest.raises(StoreUnavailable), use():
            raise Error("08S01", "[08S01] [Microsoft]Communication link failure (0)")
    assert [(connection.is_closed, connection.ended) for connection in driver.connections] == [(True, [])] * 2
