"""The command line: ``plan``, ``up``, ``status``, ``repair``; exit 0 fine, 1 pending or failed, 2 usage."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from database_connection.connection_string import (
    MalformedConnectionStringError,
    dialect_of,
    holds_password,
    parse,
)
from sql_migrations import runner
from sql_migrations.engine import Engine, open_engine
from sql_migrations.errors import FINE, PENDING_OR_FAILED, WRONG_CALL, MigrationError
from sql_migrations.files import MigrationFile, folder_for, read_folder
from sql_migrations.plan import Plan

SHOWN_TO_ALL = (
    "a password on the command line is visible to every user in the process list; put this connection "
    "string into SQL_CONNECTION_STRING instead"
)


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code."""
    options = _parser().parse_args(arguments)
    database = options.database or os.environ.get("SQL_CONNECTION_STRING", "")
    wrong = _wrong_call(database, on_command_line=bool(options.database))
    if wrong:
        print(wrong, file=sys.stderr)
        return WRONG_CALL
    try:
        engine = open_engine(database)
        files = read_folder(options.folder or folder_for(engine.dialect))
        answer, code = _COMMANDS[options.command](engine, files, options.dry_run)
    except MigrationError as error:
        answer, code = {"error": str(error)}, 1
    _show(answer, as_json=options.json)
    return code


def _wrong_call(database: str, *, on_command_line: bool) -> str:
    """What keeps this database from being used at all; empty if nothing does. Quotes nothing of the string."""
    if not database:
        return "name a database: --database or SQL_CONNECTION_STRING"
    if dialect_of(database) == "mssql":
        try:
            pairs = parse(database)
        except MalformedConnectionStringError as error:
            return f"{'--database' if on_command_line else 'SQL_CONNECTION_STRING'}: {error}"
        if on_command_line and holds_password(pairs):
            return f"--database: {SHOWN_TO_ALL}"
    return ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sql_migrations", description=__doc__)
    parser.add_argument("command", choices=sorted(_COMMANDS))
    parser.add_argument("--database", help="sqlite:///path or ODBC connection string [SQL_CONNECTION_STRING]")
    parser.add_argument("--folder", type=Path, help="where the files are [sql_migrations/<dialect>]")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, do nothing")
    parser.add_argument("--json", action="store_true", help="answer in JSON")
    return parser


def _status(engine: Engine, files: Sequence[MigrationFile], dry_run: bool) -> tuple[dict[str, Any], int]:
    the_plan = runner.plan(engine, files)
    answer = _described(engine, the_plan)
    answer["history"] = [
        {"file": e.file_name, "action": e.action, "at": e.applied_at, "sha256": e.checksum}
        for e in engine.read_history()
    ]
    return answer, _code(the_plan)


def _plan(engine: Engine, files: Sequence[MigrationFile], dry_run: bool) -> tuple[dict[str, Any], int]:
    the_plan = runner.plan(engine, files)
    answer = _described(engine, the_plan)
    answer["batches"] = {file.name: engine.batches(file) for file in the_plan.pending}
    return answer, _code(the_plan)


def _up(engine: Engine, files: Sequence[MigrationFile], dry_run: bool) -> tuple[dict[str, Any], int]:
    if dry_run:
        return _plan(engine, files, dry_run)
    done = runner.up(engine, files)
    return {**_described(engine, runner.plan(engine, files)), "applied_now": done}, 0


def _repair(engine: Engine, files: Sequence[MigrationFile], dry_run: bool) -> tuple[dict[str, Any], int]:
    entries = runner.repair(engine, files, dry_run)
    done = [{"file": entry.file_name, "action": entry.action} for entry in entries]
    the_plan = runner.plan(engine, files)
    return {**_described(engine, the_plan), "repaired": done, "dry_run": dry_run}, _code(the_plan)


_COMMANDS = {"plan": _plan, "up": _up, "status": _status, "repair": _repair}


def _described(engine: Engine, the_plan: Plan) -> dict[str, Any]:
    return {
        "database": engine.display_name,
        "dialect": engine.dialect,
        "applied": [entry.file_name for entry in the_plan.applied],
        "pending": [file.name for file in the_plan.pending],
        "problems": [{"kind": p.kind, "file": p.file_name, "problem": p.sentence} for p in the_plan.problems],
    }


def _code(the_plan: Plan) -> int:
    return PENDING_OR_FAILED if the_plan.pending or the_plan.problems else FINE


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(answer, indent=2))
    elif "error" in answer:
        print(answer["error"], file=sys.stderr)
    else:
        print(answer["database"])
        for label in ("applied", "applied_now", "pending"):
            print(f"  {label.replace('_', ' ')}: {', '.join(answer.get(label, [])) or 'none'}")
        for problem in answer["problems"]:
            print(f"  problem: {problem['problem']}")
        for name, batches in answer.get("batches", {}).items():
            print(f"-- {name}", *batches, sep="\n")
