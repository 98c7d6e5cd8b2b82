"""The store on Azure SQL and SQL Server, through pyodbc."""

from __future__ import annotations

from function_app.errors import Misconfigured
from function_app.results.store import SqlResultStore


def open_mssql_store(connection_string: str) -> SqlResultStore:
    """The store behind an ODBC connection string. Raises Misconfigured."""
    raise Misconfigured("the SQL Server store is not there yet: set SQL_CONNECTION_STRING to sqlite:///path")
