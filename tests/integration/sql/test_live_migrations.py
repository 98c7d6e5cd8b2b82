"""The runner on a live T-SQL engine: from empty, from every earlier version, twice, at once, half."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from database_connection import connection_string
from sql_migrations import runner
from sql_migrations.errors import MigrationError
from sql_migrations.files import folder_for, read_folder
from sql_migrations.mssql_engine import MssqlEngine, connect

pytestmark = [pytest.mark.live_sql, pytest.mark.timeout(300)]
FILES = read_folder(folder_for("mssql"))
NAMES = [file.name for file in FILES]
COLUMNS = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'dbo'"
NOT_OURS = {"schema_history", "sysdatabases"}  # Babelfish puts a system view of its own into dbo


def query(database: str, sql: str) -> list[Any]:
    with closing(connect(database)) as connection:
        cursor = connection.execute(sql)
        return [tuple(row) for row in cursor.fetchall()] if cursor.description else []


def columns_of_tsql(database: str) -> set[tuple[str, str]]:
    return {(table, column) for table, column in query(database, COLUMNS) if table not in NOT_OURS}


def columns_of_sqlite() -> set[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as database:
        for file in read_folder(folder_for("sqlite")):
            database.executescript(file.text)
        tables = database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
        return {
            (table, row[1])
            for (table,) in tables
            if not table.startswith("sqlite_")
            for row in database.execute(f"PRAGMA table_info({table})")
        }


def test_four_deployers_at_once_apply_every_file_once_and_a_fifth_finds_nothing(
    new_database: Callable[[], str],
) -> None:
    database = new_database()
    done: list[str] = []
    errors: list[BaseException] = []

    def deploy() -> None:
        try:
            done.extend(runner.up(MssqlEngine(database), FILES))
        except BaseException as error:
            errors.append(error)

    deployers = [threading.Thread(target=deploy) for _ in range(4)]
    for deployer in deployers:
        deployer.start()
    for deployer in deployers:
        deployer.join()
    assert errors == []
    assert sorted(done) == sorted(NAMES)
    assert [entry.file_name for entry in MssqlEngine(database).read_history()] == NAMES
    assert runner.up(MssqlEngine(database), FILES) == []
    assert columns_of_tsql(database) == columns_of_sqlite()


def test_an_upgrade_from_every_earlier_version_keeps_its_rows_and_counts_them(
    new_database: Callable[[], str],
) -> None:
    for applied_before in range(1, len(FILES)):
        database = new_database()
        runner.up(MssqlEngine(database), FILES[:applied_before])
        query(
            database,
            "INSERT INTO dbo.runs (run_id, container, blob_name, blob_key, etag, size_bytes, finished_at, outcome,"
            " attempt, committed_at) VALUES (REPLICATE('a', 32), 'img', 'a', REPLICATE('b', 64), 'e', 1,"
            " '2026-01-01T12:34:56.123456', 'scored', 1, '2026-01-01T12:34:56.123456')",
        )
        runner.up(MssqlEngine(database), FILES)
        assert columns_of_tsql(database) == columns_of_sqlite()
        assert query(database, "SELECT COUNT(*) FROM dbo.runs") == [(1,)]
        if applied_before == 1:
            assert query(database, "SELECT outcome, runs FROM dbo.hourly_counts") == [("scored", 1)]


def test_a_file_that_fails_in_a_late_batch_leaves_nothing_of_itself(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    (tmp_path / "V001__a.sql").write_text(
        "CREATE TABLE dbo.a (x INT);\nGO\nINSERT INTO dbo.a (x) VALUES (1);\nGO 3\n"
    )
    (tmp_path / "V002__b.sql").write_text(
        "CREATE TABLE dbo.b (x INT);\nGO\nSELECT 1 AS fine;\nINSERT INTO dbo.nowhere VALUES (1);\n"
    )
    database = new_database()
    with pytest.raises(MigrationError, match=r"V002__b\.sql, batch 2"):
        runner.up(MssqlEngine(database), read_folder(tmp_path))
    assert [entry.file_name for entry in MssqlEngine(database).read_history()] == ["V001__a.sql"]
    assert query(database, "SELECT COUNT(*) FROM dbo.a") == [(3,)]
    assert query(database, "SELECT OBJECT_ID(N'dbo.b', N'U')") == [(None,)]


def test_a_wrong_password_is_an_error_without_the_password(new_database: Callable[[], str]) -> None:
    pairs = connection_string.parse(new_database()) | {"pwd": "C4nary-word"}
    with pytest.raises(MigrationError) as refused:
        MssqlEngine(connection_string.write(pairs)).read_history()
    assert "C4nary" not in str(refused.value) + repr(refused.value)
    assert refused.value.__cause__ is None
