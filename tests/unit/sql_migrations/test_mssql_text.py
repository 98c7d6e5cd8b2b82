"""T-SQL checked without a server: grammar by sqlfluff, and the same logical schema as SQLite."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from sqlfluff.core import FluffConfig, Linter

from function_app.results.mssql.statements import MSSQL
from function_app.results.sqlite.statements import SQLITE
from sql_migrations import mssql_engine
from sql_migrations.files import folder_for, read_folder
from sql_migrations.sql_text import go_batches

ROOT = Path(__file__).resolve().parents[3]
FILES = read_folder(folder_for("mssql"))
ENGINE = {
    name: getattr(mssql_engine, name)
    for name in ("LOCK", "HAS_HISTORY", "MAKE_HISTORY", "READ_HISTORY", "RECORD")
}


@pytest.fixture(scope="module")
def linter() -> Linter:
    return Linter(config=FluffConfig.from_path(str(ROOT), overrides={"dialect": "tsql"}))


def faults(linter: Linter, text: str, codes: str = "") -> list[str]:
    found = linter.lint_string(text).get_violations()
    return [f"{fault.rule_code()} {fault.desc()}" for fault in found if fault.rule_code().startswith(codes)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_tsql_migration_is_clean_by_sqlfluff(linter: Linter, file) -> None:
    assert faults(linter, file.text) == []


@pytest.mark.parametrize(("name", "text"), [*MSSQL.everything().items(), *ENGINE.items()])
def test_every_statement_of_the_adapter_and_the_runner_parses_as_tsql(
    linter: Linter, name: str, text: str
) -> None:
    short = re.sub(r"(CAST\(\? AS CHAR\(32\)\), ){99}", "", text)
    assert faults(linter, short.replace("?", "@p") + "\n", "PRS") == []


def test_a_statement_that_is_not_tsql_would_be_found(linter: Linter) -> None:
    assert faults(linter, "SELECT FROM WHERE runs LIMIT LIMIT 5\n", "PRS")


@pytest.mark.parametrize(
    "word", ["MERGE", "UPDLOCK", "HOLDLOCK", "CREATE OR ALTER", "WAITFOR", "DATETIMEOFFSET"]
)
def test_nothing_that_babelfish_lacks_is_used(word: str) -> None:
    texts = [*(file.text for file in FILES), *MSSQL.everything().values(), *ENGINE.values()]
    assert not any(word in text.upper() for text in texts)


def test_both_dialects_have_the_same_parameters_in_every_statement() -> None:
    sqlite, mssql = SQLITE.everything(), MSSQL.everything()
    assert {name: text.count("?") for name, text in sqlite.items()} == {
        name: text.count("?") for name, text in mssql.items()
    }


def test_no_data_of_the_pipeline_is_ever_put_into_a_statement() -> None:
    for text in (*MSSQL.everything().values(), *SQLITE.everything().values()):
        assert "{" not in text
        assert "%s" not in text


_TABLE = re.compile(r"CREATE TABLE dbo\.(\w+) \((.*?)\n\);", re.DOTALL)
_COLUMN = re.compile(
    r"^    (\w+) (\w+)(?:\(\d+\))?(?: IDENTITY \(1, 1\))?(?: COLLATE \w+)? (NOT NULL|NULL),?$"
)
_ADDED = re.compile(r"ALTER TABLE dbo\.(\w+) ADD ([^;]+);")  # one column, in one line
_KEY = re.compile(r"(?:PRIMARY KEY|UNIQUE)(?: NONCLUSTERED| CLUSTERED)? \(([\w, ]+)\)")
_INDEX = re.compile(r"CREATE INDEX (\w+) ON dbo\.(\w+) \(([\w, ]+)\);")
_KINDS = {
    "BIGINT": "INTEGER",
    "INT": "INTEGER",
    "CHAR": "TEXT",
    "VARCHAR": "TEXT",
    "NVARCHAR": "TEXT",
    "DATETIME2": "TEXT",
}

Table = tuple[dict[str, tuple[str, bool]], set[frozenset[str]]]


def tables_of_tsql(texts: Iterable[str]) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for text in texts:
        for name, body in _TABLE.findall(text):
            columns = [match for line in body.splitlines() if (match := _COLUMN.match(line))]
            constraints = [line for line in body.splitlines() if line.strip().startswith("CONSTRAINT")]
            assert len(columns) + len(constraints) == len(
                [line for line in body.splitlines() if line.strip()]
            )
            kinds = {m.group(1): (_KINDS[m.group(2)], m.group(3) == "NOT NULL") for m in columns}
            keys = {frozenset(m.group(1).split(", ")) for line in constraints if (m := _KEY.search(line))}
            tables[name] = kinds, keys
        added = _ADDED.findall(text)
        assert len(added) == text.count("ALTER TABLE"), (
            "this test reads ALTER TABLE dbo.name ADD column KIND NULL;"
        )
        for name, line in added:
            column = _COLUMN.match(f"    {line}")
            assert column is not None, line
            tables[name][0][column.group(1)] = _KINDS[column.group(2)], column.group(3) == "NOT NULL"
    return tables


def migrated() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:")
    for file in read_folder(folder_for("sqlite")):
        database.executescript(file.text)
    return database


def names_of(database: sqlite3.Connection, kind: str) -> list[str]:
    sql = "SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite_%' ORDER BY name"
    return [name for (name,) in database.execute(sql, (kind,))]


def tables_of_sqlite(database: sqlite3.Connection) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for name in names_of(database, "table"):
        rows = database.execute(f"PRAGMA table_info({name})").fetchall()
        kinds = {row[1]: (row[2], bool(row[3]) or row[1] == "recent_id") for row in rows}
        keys = {frozenset(row[1] for row in rows if row[5])}
        for index in database.execute(f"PRAGMA index_list({name})").fetchall():
            if index[2]:
                keys.add(frozenset(row[2] for row in database.execute(f"PRAGMA index_info({index[1]})")))
        tables[name] = kinds, keys
    return tables


def test_both_dialects_end_in_the_same_tables_columns_kinds_and_keys() -> None:
    with closing(migrated()) as database:
        tsql, sqlite = tables_of_tsql(file.text for file in FILES), tables_of_sqlite(database)
    assert tsql.keys() == sqlite.keys()
    for name, table in tsql.items():
        assert table == sqlite[name], name


def test_column_that_a_later_migration_adds_is_seen() -> None:
    made = "CREATE TABLE dbo.words (\n    word_id BIGINT NOT NULL,\n);\nGO\n"
    added = "ALTER TABLE dbo.words ADD note NVARCHAR(256) NULL;\n"
    assert tables_of_tsql([made, added]) == {
        "words": ({"word_id": ("INTEGER", True), "note": ("TEXT", False)}, set())
    }


def test_both_dialects_have_the_same_indexes() -> None:
    tsql = {match for file in FILES for match in _INDEX.findall(file.text)}
    with closing(migrated()) as database:
        sqlite = {
            (name, database.execute("SELECT tbl_name FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0],
             ", ".join(row[2] for row in database.execute(f"PRAGMA index_info({name})")))
            for name in names_of(database, "index")
        }  # fmt: skip
    assert tsql == sqlite


def test_both_dialects_have_the_same_views_with_the_same_columns() -> None:
    batches = [batch for file in FILES for batch in go_batches(file.text) if "CREATE VIEW" in batch]
    tsql = {re.search(r"CREATE VIEW dbo\.(\w+)", batch).group(1): batch for batch in batches}  # type: ignore[union-attr]
    with closing(migrated()) as database:
        assert sorted(tsql) == names_of(database, "view")
        for name, text in tsql.items():
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({name})")]
            head = text.partition("SELECT")[2].partition("\nFROM")[0]
            assert [re.split(r"\.| AS ", part.strip())[-1] for part in head.split(",\n")] == columns


def test_both_dialects_have_the_same_files() -> None:
    assert [file.name for file in FILES] == [file.name for file in read_folder(folder_for("sqlite"))]
