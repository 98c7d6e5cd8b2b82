"""Every check that CI runs, in the order in which they fail fastest.

``python3 pipeline.py test`` runs them all and names those that failed; ``--only NAME`` runs one.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from dataclasses import dataclass

from local_stack.errors import StackError
from local_stack.install import runtimes
from local_stack.state_folder import PROJECT_ROOT
from local_stack.terminal import say

PACKAGES = (
    "function_app",
    "local_agent",
    "functions_host",
    "sql_migrations",
    "database_connection",
    "local_stack",
    "infra",
)
_SOURCES = (*PACKAGES, "requirements", "tests", "pipeline.py", "function_app.py")


@dataclass(frozen=True)
class Check:
    """One check: the words after ``python``, and what it proves."""

    name: str
    proves: str
    words: tuple[str, ...]
    seconds: int = 1800  # several times what the slowest needs: it is there to end a hang


CHECKS = (
    Check("lint", "ruff finds nothing, its security rules included", ("-m", "ruff", "check", *_SOURCES)),
    Check("format", "ruff's format is kept", ("-m", "ruff", "format", "--check", *_SOURCES)),
    Check("types", "mypy passes: strict on every package and hook, nearly so on the tests", ("-m", "mypy")),
    Check(
        "imports",
        "the parts know nothing of each other",
        ("-c", "from importlinter.cli import lint_imports_command as lint; lint()"),
    ),
    Check(
        "dashboard",
        "the page's scripts: linted, formatted, typed, and their pure part tested in Node",
        ("-m", "local_stack.develop.dashboard_check"),
    ),
    Check("unit", "the pure core; no network, seconds", ("-m", "pytest", "tests/unit", "-q")),
    Check(
        "contract",
        "what Azure, the device and the database may rely on",
        ("-m", "pytest", "tests/contract", "-q"),
    ),
    Check(
        "integration", "real Azurite, real Spark, real SQLite", ("-m", "pytest", "tests/integration", "-q")
    ),
    Check("e2e", "whole commands as a user runs them", ("-m", "pytest", "tests/e2e", "-q")),
    # Last, because it takes the longest; its lanes run side by side.
    Check("faults", "nothing lost, doubled or wrong when it breaks", ("pipeline.py", "faults", "--quick")),
)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 if every check passed, else 1. Raises StackError for a check that does not exist."""
    if arguments.list:
        for check in CHECKS:
            print(f"{check.name:<14}{check.proves}")
        return 0
    wanted = set(arguments.only or ())
    unknown = wanted - {check.name for check in CHECKS}
    if unknown:
        raise StackError(
            f"There is no check {', '.join(sorted(unknown))}.", "see `python3 pipeline.py test --list`"
        )
    failed = [
        check.name
        for check in CHECKS
        if (not wanted or check.name in wanted) and not _passes(check, arguments)
    ]
    say(f"\nFailed: {', '.join(failed)}" if failed else "\nEvery check passed.")
    return 1 if failed else 0


def _passes(check: Check, arguments: argparse.Namespace) -> bool:
    say(f"\n── {check.name}: {check.proves}")
    words = _words(check, arguments.pytest_arguments)
    if check.words[1] == "pytest" and not any((PROJECT_ROOT / check.words[2]).rglob("test_*.py")):
        say(f"   ({check.words[2]} holds no test yet)")
        return True
    started = time.monotonic()
    try:
        code = subprocess.run(
            [sys.executable, *words],
            cwd=PROJECT_ROOT,
            env=_environment(),
            timeout=check.seconds,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired:
        say(f"   ✗ {check.name} was still running after {check.seconds} s and was ended")
        return False
    say(f"   {'✓' if code == 0 else '✗'} {check.name} ({time.monotonic() - started:.1f} s)")
    return code == 0


def _words(check: Check, pytest_arguments: list[str]) -> list[str]:
    """What pytest is told reaches every check that is pytest, behind whatever stands before it."""
    if check.words[1] == "pytest":
        return [*check.words, *pytest_arguments]
    if check.name == "faults" and pytest_arguments:
        return [*check.words, "--", *pytest_arguments]
    return list(check.words)


def _environment() -> dict[str, str]:
    """The tests find Azurite and its Node where they were installed."""
    return {
        **os.environ,
        "NODE": runtimes.node().executable,
        "AZURITE_JS": str(runtimes.AZURITE_SCRIPT),
    }
