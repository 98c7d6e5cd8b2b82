"""A server that only Azure has, as pyodbc would show it: firewall, Entra token, and the record of migrations.

It stands in for Microsoft's driver and the server behind it, nothing else: the token in a connection comes from the
real azure-identity. What arrives is appended to DEPLOYMENT_LOG, one JSON object a line, as the stand-in for az does.
"""

from __future__ import annotations

import json
import os
import sqlite3
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LOG = Path(os.environ["DEPLOYMENT_LOG"])
ACCESS_TOKEN = 1256
pooling = True


class Error(Exception):
    """As pyodbc's: state, text."""


def drivers() -> list[str]:
    return ["ODBC Driver 18 for SQL Server"]


def connect(
    connection_string: str, *, autocommit: bool, timeout: int, attrs_before: dict[int, bytes]
) -> Connection:
    packed = attrs_before.get(ACCESS_TOKEN, bytes(4))
    (length,) = struct.unpack_from("<I", packed)
    token = packed[4 : 4 + length].decode("utf-16-le")
    _log({"connect": connection_string, "token": token, "autocommit": autocommit})
    if not _firewall_is_open():
        raise Error(
            "42000",
            "[42000] Cannot open server 'sql-test' requested by the login. Client with IP address '203.0.113.7' "
            "is not allowed to access the server. (40615)",
        )
    return Connection()


class Connection:
    """Holds nothing: what is kept is in the file of history."""

    def cursor(self) -> Cursor:
        return Cursor()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        return Cursor().execute(statement, parameters)

    def close(self) -> None:
        pass


class Cursor:
    """Answers the migrations' questions about the lock and the record; takes every other statement."""

    description: tuple[str] | None = None

    def __init__(self) -> None:
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        shown = [value.hex() if isinstance(value, bytes) else value for value in parameters]
        _log({"sql": statement, "parameters": shown})
        self._rows = _answer(statement, parameters)
        self.description = ("column",) if self._rows else None
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows[0] if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows

    def nextset(self) -> bool:
        return False


def _answer(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    if "sp_getapplock" in statement:
        return [(0,)]
    with sqlite3.connect(LOG.with_suffix(".history")) as kept:
        if "CREATE TABLE dbo.schema_history" in statement:
            kept.execute("CREATE TABLE history (file_name, version, checksum, action, applied_at)")
        elif "OBJECT_ID(N'dbo.schema_history'" in statement:
            return kept.execute("SELECT 1 FROM sqlite_master WHERE name = 'history'").fetchall()
        elif "FROM dbo.schema_history" in statement:
            return kept.execute("SELECT * FROM history ORDER BY rowid").fetchall()
        elif "INSERT INTO dbo.schema_history" in statement:
            kept.execute("INSERT INTO history VALUES (?, ?, ?, ?, '2026-01-01T00:00:00Z')", parameters[:4])
    return []


def _firewall_is_open() -> bool:
    lines = [json.loads(line) for line in LOG.read_text(encoding="utf-8").splitlines()]
    calls = [line["az"][3] for line in lines if line.get("az", [])[:3] == ["sql", "server", "firewall-rule"]]
    return calls[-1:] == ["create"]


def _log(entry: dict[str, Any]) -> None:
    with LOG.open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")
