"""The store on Azure SQL and SQL Server, through pyodbc."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from database_connection import sql_server
from database_connection.connection_string import MalformedConnectionStringError, for_odbc, parse, write
from function_app.errors import Misconfigured, PipelineError, StoreUnavailable
from function_app.results.database import DuplicateKey
from function_app.results.mssql import odbc_errors
from function_app.results.mssql.connect_gate import ConnectGate
from function_app.results.mssql.statements import MSSQL
from function_app.results.pool import ConnectionPool
from function_app.results.store import SqlResultStore

# A serverless database may need most of a minute to resume; Microsoft advises at least 30 s.
LOGIN_TIMEOUT_SECONDS = 45
QUERY_TIMEOUT_SECONDS = 30
ALIVE_TIMEOUT_SECONDS = 5


def open_mssql_store(text: str, clock: Callable[[], datetime] | None = None) -> SqlResultStore:
    """The store behind an ODBC connection string; nothing is connected yet.

    Raises Misconfigured when pyodbc, its library or a driver is missing, or the text is malformed.
    """
    database = MssqlDatabase(text)
    return SqlResultStore(database) if clock is None else SqlResultStore(database, clock)


class MssqlDatabase:
    """Transactions on one database, each on a pooled connection of its own."""

    name = "mssql"
    statements = MSSQL
    reads_at_once = False

    def __init__(
        self,
        text: str,
        credential: Callable[[], sql_server.Credential] = sql_server.default_credential,
        login_timeout_seconds: int = LOGIN_TIMEOUT_SECONDS,
    ) -> None:
        try:
            pairs = parse(text)
            if (remedy := for_odbc(pairs)) is not None:
                raise Misconfigured(f"SQL_CONNECTION_STRING is one of ADO.NET; for ODBC write: {remedy}")
            self._pairs = pairs
            self._pyodbc: Any = sql_server.load_pyodbc()
            self._tokens = sql_server.AccessTokens(credential()) if sql_server.wants_token(pairs) else None
            self._complete = write(sql_server.completed(pairs, sql_server.driver))
        except MalformedConnectionStringError:
            raise Misconfigured("SQL_CONNECTION_STRING is not of the form key=value;key=value") from None
        except sql_server.MissingHereError as error:
            raise Misconfigured(str(error)) from error
        self._login_timeout = login_timeout_seconds
        gate = ConnectGate()
        self._pool: ConnectionPool[Any] = ConnectionPool(lambda: gate.connect(self._connect), self._is_alive)

    def time(self, when: datetime) -> str:
        """ISO text without a zone, for CAST(? AS DATETIME2(6))."""
        return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """One transaction. An error at COMMIT leaves it open whether it was done: the caller comes again."""
        with self._transaction() as (connection, cursor):
            yield cursor
            connection.commit()

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """Reads; the transaction that reading began is ended, so that no lock outlives it."""
        with self._transaction() as (connection, cursor):
            yield cursor
            connection.rollback()

    def close(self) -> None:
        """Close idle connections."""
        self._pool.close()

    @contextmanager
    def _transaction(self) -> Iterator[tuple[Any, Any]]:
        """A connection and its cursor. Undone where the block raises; kept unless the driver raised.

        A duplicate key and an error of the caller's own (a conflict, say) leave the connection well, and
        signing in anew takes longer than most transactions.
        """
        undone: Exception | None = None
        try:
            with self._pool.connection() as connection, self._cursor(connection) as cursor:
                try:
                    yield connection, cursor
                except self._pyodbc.Error as error:
                    if not isinstance(odbc_errors.translated(error), DuplicateKey):
                        raise
                    undone = DuplicateKey()
                except Exception as error:  # noqa: BLE001  (raised again below)
                    undone = error
                if undone is not None:
                    cursor.close()
                    # After some errors rollback() itself raises 25000; then the pool closes it.
                    connection.rollback()
        except self._pyodbc.Error as error:
            # The cause is left out on purpose: the driver's text may quote what it was given.
            raise self._translated(error) from None
        if undone is not None:
            raise undone

    @contextmanager
    def _cursor(self, connection: Any) -> Iterator[Any]:
        """A cursor that is closed before the connection is used again.

        What a refused statement left unread would make the connection "busy with results for another
        command" to its next user, and an error's traceback would keep the cursor alive until then.
        """
        cursor = connection.cursor()
        try:
            yield cursor
        finally:
            with suppress(self._pyodbc.Error):
                cursor.close()

    def _translated(self, error: Exception) -> PipelineError:
        found = odbc_errors.translated(error, self._pairs)
        if isinstance(found, DuplicateKey):
            return StoreUnavailable("a duplicate key was reported outside a transaction")
        return found

    def _connect(self) -> Any:
        try:
            attributes = {sql_server.ACCESS_TOKEN_ATTRIBUTE: self._tokens.packed()} if self._tokens else {}
            connection = self._pyodbc.connect(
                self._complete, autocommit=False, timeout=self._login_timeout, attrs_before=attributes
            )
        except sql_server.NoTokenError as error:
            raise StoreUnavailable(str(error), reason="sign_in_failed") from None
        except self._pyodbc.Error as error:
            raise self._translated(error) from None
        # Set before any cursor is made: a later change of the timeout does not reach it.
        connection.timeout = QUERY_TIMEOUT_SECONDS
        return connection

    def _is_alive(self, connection: Any) -> bool:
        with suppress(self._pyodbc.Error):
            connection.timeout = ALIVE_TIMEOUT_SECONDS
            connection.execute(MSSQL.is_alive).fetchone()
            connection.rollback()
            connection.timeout = QUERY_TIMEOUT_SECONDS
            return True
        return False
