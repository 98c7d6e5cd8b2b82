"""Every command line as its own parser has it: verbs, options, defaults, choices; and the exit codes.

A command is started the way a user starts it, up to the moment at which its parser reads the words.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from places import ROOT, SurfaceNotFoundError, found

_PARTS = ("local_agent", "functions_host", "sql_migrations")
_SCRIPTS = ("infra/hooks/app_user.py",)
_RUNNING_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class _Parses(BaseException):
    """Raised where a parser would read the words: not an Exception, so that no command takes it for an error."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


class _RunsPart(BaseException):
    """Raised where a command would hand over to another program."""

    def __init__(self, words: Sequence[object]) -> None:
        super().__init__()
        self.words = [str(word) for word in words]


def every_command_line() -> dict[str, Any]:
    """Command -> its verbs and options."""
    pipeline = ROOT / "pipeline.py"
    lines: dict[str, Any] = {"pipeline.py": {verb: _verb(pipeline, verb) for verb in _verbs(pipeline)}}
    for part in _PARTS:
        lines[f"python -m {part}"] = _described(_parser(partial(_module, part), part))
    for script in _SCRIPTS:
        lines[script] = _described(_parser(partial(_script, ROOT / script), script))
    return lines


def exit_codes(place: Path) -> dict[str, Any]:
    """What commands end with, where it is declared and where it can be seen without starting anything."""
    empty, damaged = place / "empty", place / "damaged"
    for folder in (empty, damaged):
        folder.mkdir()
    (damaged / "host.json").write_text("not JSON", encoding="utf-8")
    database = f"--database=sqlite:///{(place / 'codes.db').as_posix()}"
    python, agent, host, migrate = ["pipeline.py"], *(["-m", part] for part in _PARTS)
    tried = {
        "pipeline.py": python, "pipeline.py --help": [*python, "--help"], "pipeline.py no-such-verb": [*python, "x"],
        "local_agent, no such status file": [*agent, "agent-status", "--status-file", str(place / "none.json")],
        "local_agent, no device folder": [*agent, "upload"],
        "functions_host, unknown option": [*host, "--x"],
        "functions_host, damaged host.json": [*host, "start", "--root", str(damaged)],
        "functions_host, receipts forgotten": [*host, "reset-receipts", "--root", str(empty)],
        "sql_migrations, no database": [*migrate, "status"],
        "sql_migrations, password on the command line": [*migrate, "status", "--database", "Server=x;UID=u;PWD=p"],
        "sql_migrations, pending": [*migrate, "status", database],
        "sql_migrations, done": [*migrate, "up", database],
        "sql_migrations, nothing pending": [*migrate, "status", database],
    }  # fmt: skip
    seen = {name: _exit_code(words) for name, words in tried.items()}
    return {
        "seen": seen,
        "declared by the agent": {code.name: int(code) for code in found("exit codes of the agent")},
    }


def _verbs(pipeline: Path) -> list[str]:
    """The verbs as the help lists them: two spaces, the verb, its help."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit), _words(pipeline, "--help"):
        runpy.run_path(str(pipeline), run_name="__main__")
    verbs = re.findall(r"^  ([a-z][a-z-]*) {2,}\S", printed.getvalue(), re.MULTILINE)
    if not verbs:
        raise SurfaceNotFoundError("`pipeline.py --help` lists no verb in the form '  verb   what it does'")
    return verbs


def _verb(pipeline: Path, verb: str) -> dict[str, Any]:
    try:
        return _described(_parser(partial(_script, pipeline), verb))
    except _RunsPart as part:
        return {"passes its words on to": " ".join(word for word in part.words[1:] if word != "--help")}


def _parser(start: Callable[[], object], verb: str) -> argparse.ArgumentParser:
    """The parser that a command reads its words with."""
    kept = argparse.ArgumentParser.parse_args, subprocess.call
    argparse.ArgumentParser.parse_args = _raising_parse  # type: ignore[assignment,method-assign]
    subprocess.call = _raising_call  # type: ignore[assignment]
    try:
        with _words(Path(verb), verb, "--help"):
            start()
    except _Parses as reached:
        return reached.parser
    finally:
        argparse.ArgumentParser.parse_args, subprocess.call = kept  # type: ignore[method-assign]
    raise SurfaceNotFoundError(f"{verb} --help reads its words with no argparse parser")


def _raising_parse(self: argparse.ArgumentParser, *_: object, **__: object) -> None:
    raise _Parses(self)


def _raising_call(words: Sequence[object], **_: object) -> int:
    raise _RunsPart(words)


def _module(name: str) -> None:
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _script(path: Path) -> None:
    runpy.run_path(str(path), run_name="__main__")


@contextlib.contextmanager
def _words(program: Path, *words: str) -> Iterator[None]:
    kept, sys.argv = sys.argv, [str(program), *words]
    try:
        yield
    finally:
        sys.argv = kept


def _described(parser: argparse.ArgumentParser) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told |= {name: _described(child) for name, child in action.choices.items()}
        elif not isinstance(action, argparse._HelpAction):
            told[", ".join(action.option_strings) or action.dest] = _option(action)
    for group in parser._mutually_exclusive_groups:
        names = [", ".join(action.option_strings) for action in group._group_actions]
        told["only one of"] = ", ".join(sorted(names))
    return told


def _option(action: argparse.Action) -> str:
    """What matters to whoever writes it, on one line: what it takes, its default."""
    kind = type(action).__name__.removeprefix("_").removesuffix("Action")
    takes = {int: "whole number", float: "number", Path: "path"}.get(action.type, "text")  # type: ignore[call-overload]
    told = [{"Store": takes, "StoreTrue": "switch", "Append": f"{takes}, repeatable"}.get(kind, kind.lower())]
    told += [f"shown as {action.metavar}"] if action.metavar else []
    told += [f"how many: {action.nargs}"] if action.nargs and kind == "Store" else []
    told += [f"one of: {', '.join(map(str, action.choices))}"] if action.choices else []
    told += ["required"] if action.required and action.option_strings else []
    told += [f"default {default}"] if (default := _default(action.default)) else []
    return "; ".join(told)


def _default(value: object) -> str:
    if value is None or value is False or value is argparse.SUPPRESS or value == "":
        return ""
    if value == Path.cwd():
        return "(the working directory)"
    if value == _RUNNING_PYTHON:
        return "(the running Python)"
    return value.as_posix() if isinstance(value, Path) else str(value)


def _exit_code(words: Sequence[str]) -> int:
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, timeout=60, check=False)
    return done.returncode
