"""Tables, views and indexes of both dialects: SQLite as its migrations really make it, T-SQL as the files say."""

from __future__ import annotations

import ast
import hashlib
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from places import ROOT, text_of, trees

_PART = "sql_migrations"


def of_both_dialects(place: Path) -> dict[str, Any]:
    """Dialect -> its migration files (a database remembers their names and checksums) and what they make."""
    path = place / "migrated.db"
    subprocess.run(
        [sys.executable, "-m", _PART, "up", "--database", f"sqlite:///{path.as_posix()}"],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    return {
        dialect: {"migrations": dict(_migrations(dialect)), **made}
        for dialect, made in (("sqlite", tables_of(path)), ("mssql", _of_text(_mssql_text())))
    }


def tables_of(path: Path) -> dict[str, Any]:
    """Tables with columns and constraints, indexes, and views with columns, of a SQLite file."""
    with closing(sqlite3.connect(path)) as database:
        made = _of_text("\n;\n".join(_statements(database)))
        for view in made["views"]:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({view})")]
            made["views"][view] = ", ".join(columns)
    return made


def _statements(database: sqlite3.Connection) -> Iterator[str]:
    query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name"
    return (str(sql) for (sql,) in database.execute(query))


def _migrations(dialect: str) -> Iterator[tuple[str, str]]:
    """A versioned file is never edited once it has shipped; a repeatable one may be."""
    for path in sorted((ROOT / _PART).rglob(f"{dialect}/*.sql")):
        text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
        yield (
            path.name,
            hashlib.sha256(text.encode()).hexdigest() if path.name.startswith("V") else "repeatable",
        )


def _mssql_text() -> str:
    """The files, and the one table that the migrations make of their own accord."""
    files = [path.read_text(encoding="utf-8-sig") for path in sorted((ROOT / _PART).rglob("mssql/*.sql"))]
    own = [text for _, tree in trees(_PART) for node in ast.walk(tree)
           if (text := text_of(node)) and "CREATE TABLE dbo." in text]  # fmt: skip
    return "\n;\n".join([*files, *own])


def _of_text(text: str) -> dict[str, Any]:
    """What CREATE statements make. Words are compared as they stand, blanks apart."""
    plain = " ".join(re.sub(r"--[^\n]*", "", text).split())
    tables = {}
    for found in re.finditer(r"CREATE TABLE (?:IF NOT EXISTS )?(?:dbo\.)?(\w+) ?\(", plain):
        tables[found[1]] = dict(map(_entry, _parts(plain[found.end() :])))
    indexes = {
        name: f"{'unique, ' if unique else ''}{table} ({_columns(columns)}){where.rstrip('; ')}"
        for unique, name, table, columns, where in re.findall(
            r"CREATE (UNIQUE )?INDEX (?:IF NOT EXISTS )?(\w+) ON (?:dbo\.)?(\w+) ?\(([^)]*)\)( WHERE [^;]*)?",
            plain,
        )
    }
    views = {
        found[1]: ", ".join(map(_alias, _parts(plain[found.end() :], until=" FROM ")))
        for found in re.finditer(r"CREATE VIEW (?:dbo\.)?(\w+) AS SELECT ", plain)
    }
    return {"tables": tables, "indexes": indexes, "views": views}


def _parts(text: str, until: str | None = None) -> list[str]:
    """What stands between commas up to the closing bracket (or a word), brackets of its own kept whole."""
    parts: list[str] = []
    start = depth = 0
    for place, sign in enumerate(text):
        if depth == 0 and (sign == ")" or (until and text.startswith(until, place))):
            return [*parts, text[start:place].strip()]
        if depth == 0 and sign == ",":
            parts.append(text[start:place].strip())
            start = place + 1
        depth += (sign == "(") - (sign == ")")
    raise ValueError(f"no end: {text[:80]}")


def _entry(part: str) -> tuple[str, str]:
    """A column or a constraint: its name, and the rest. Unnamed constraints are named by their kind."""
    name, _, rest = part.partition(" ")
    if name == "CONSTRAINT":
        name, _, rest = rest.partition(" ")
        return f"constraint {name}", rest
    if name in ("PRIMARY", "UNIQUE", "CHECK", "FOREIGN"):
        return f"constraint {name.lower()}", part
    return name, rest


def _columns(text: str) -> str:
    return ", ".join(part.strip() for part in text.split(","))


def _alias(part: str) -> str:
    return re.split(r" AS |\.", part)[-1].strip()
