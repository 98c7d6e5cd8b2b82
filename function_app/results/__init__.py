"""The result store: one interface, SQLite on one computer, Azure SQL in Azure.

``open_result_store(settings)`` returns the adapter that ``SQL_CONNECTION_STRING`` names. Everything a
caller needs to know is in ``interface.py``; the tables are created by the migrations in ``sql_migrations``.
"""

from __future__ import annotations

from database_connection.connection_string import dialect_of, sqlite_path
from function_app.errors import Misconfigured
from function_app.results.interface import ResultStore
from function_app.results.statistics import Stats
from function_app.settings import Settings

__all__ = ["ResultStore", "Stats", "open_result_store"]


def open_result_store(settings: Settings) -> ResultStore:
    """The store for these settings; nothing is connected until it is first used.

    Raises Misconfigured when the setting names neither store, or when this computer lacks the driver.
    """
    text = settings.sql_connection_string
    dialect = dialect_of(text)
    if dialect == "sqlite":
        from function_app.results.sqlite.database import open_sqlite_store

        return open_sqlite_store(sqlite_path(text))
    if dialect == "mssql":
        # Imported here only: pyodbc needs a system library that a computer without SQL Server lacks.
        from function_app.results.mssql.database import open_mssql_store

        return open_mssql_store(text)
    raise Misconfigured("SQL_CONNECTION_STRING must be sqlite:///path or an ODBC connection string")
