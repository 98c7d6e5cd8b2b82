"""What ``doctor`` looks at: each check returns what it finds. Standard library only."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

from local_stack.install import environment, runtimes
from local_stack.install.file_lock import LockedByAnotherProcessError, exclusive_lock
from local_stack.install.findings import Finding, note, ok, problem
from local_stack.state_folder import PROJECT_ROOT, StateFolder

_NEEDED_MEGABYTES = 3000  # .venv with every set, Azurite, and room for images
_OLDEST_SQLITE = (3, 35)  # RETURNING and upsert, which the result store uses


def python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return ok(f"Python {version} ({sys.executable})")


def venv_module() -> Finding:
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return ok("venv and ensurepip are there")
    return problem(
        "the venv or ensurepip module is missing", "Debian or Ubuntu: sudo apt-get install python3-venv"
    )


def sqlite() -> Finding:
    if sqlite3.sqlite_version_info >= _OLDEST_SQLITE:
        return ok(f"SQLite {sqlite3.sqlite_version}")
    return problem(
        f"SQLite {sqlite3.sqlite_version} is too old", "use a Python that brings SQLite 3.35 or newer"
    )


def disk() -> Finding:
    free = shutil.disk_usage(PROJECT_ROOT).free // 1_000_000
    if free >= _NEEDED_MEGABYTES:
        return ok(f"{free:,} MB free")
    installed = (environment.VENV / "installed" / "stack").is_file()
    level = "note" if installed and free > 500 else "problem"
    return Finding(
        level, f"only {free:,} MB free", f"free some space: a first run needs {_NEEDED_MEGABYTES:,} MB"
    )


def project_writable() -> Finding:
    try:
        with tempfile.TemporaryFile(dir=PROJECT_ROOT):
            return ok(f"{PROJECT_ROOT} can be written")
    except OSError as error:
        return problem(
            f"{PROJECT_ROOT} cannot be written: {error}", "give this user the right to write there"
        )


def installed() -> Finding:
    sets = [name for name in ("test", "stack", "app") if environment.is_installed(name)]
    if sets:
        return ok(f".venv holds {sets[0]}.lock")
    return note(".venv is not installed yet", "the first command that needs it installs it")


def package_index() -> Finding:
    if environment.is_installed("stack") and runtimes.AZURITE_SCRIPT.is_file():
        return ok("everything is installed; no network is needed")
    with tempfile.TemporaryDirectory() as folder:
        asked = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check",
             "--retries", "0", "--timeout", "10", "--dest", folder, "six==1.17.0"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    if asked.returncode == 0:
        return ok("PyPI (or its mirror) answers")
    return problem("pip cannot download from PyPI", "check the network, HTTPS_PROXY, or pip's index-url")


def java() -> Finding:
    found = runtimes.find_java()
    if found:
        return ok(f"Java {runtimes.java_version(found)} ({found})")
    if environment.is_installed("java"):
        return ok("no suitable Java on the machine; the JDK from PyPI is installed")
    oldest, newest = runtimes.OLDEST_JAVA, runtimes.NEWEST_JAVA
    return note(
        f"no Java {oldest} to {newest} on PATH or in JAVA_HOME", "none needed: the JDK from PyPI is installed"
    )


def node() -> Finding:
    found = runtimes.find_node()
    if found:
        return ok(f"Node {runtimes.node_version(found.executable)} ({found.executable})")
    if environment.is_installed("node"):
        return ok("no recent Node on the machine; the one from PyPI is installed")
    return note(
        f"no Node {runtimes.OLDEST_NODE} or newer with npm", "none needed: one from PyPI is installed"
    )


def azurite() -> Finding:
    if runtimes.AZURITE_SCRIPT.is_file():
        return ok("Azurite is installed")
    return note("Azurite is not installed yet", "the first `demo` or `up` installs it from npm")


def core_tools() -> Finding:
    func = shutil.which("func")
    if func is None:
        return note(
            "no Azure Functions Core Tools: the embedded host is used", "none needed; --host func wants them"
        )
    try:
        printed = subprocess.run([func, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return problem(f"{func} does not run", "reinstall Core Tools, or use --host embedded")
    if printed.returncode != 0:
        return problem(
            f"{func} --version ends with {printed.returncode}", "reinstall Core Tools, or --host embedded"
        )
    return ok(f"Core Tools {printed.stdout.strip()}")


def host_json() -> Finding:
    return _json_file("host.json", required=True, must_hold="version")


def local_settings() -> Finding:
    level, finding, remedy = _json_file("local.settings.json", required=False, must_hold="Values")
    if level == "ok":
        values = json.loads((PROJECT_ROOT / "local.settings.json").read_text(encoding="utf-8"))["Values"]
        example = json.loads((PROJECT_ROOT / "local.settings.json.example").read_text(encoding="utf-8"))[
            "Values"
        ]
        missing = sorted(set(example) - set(values))
        if missing:
            return note(
                f"local.settings.json lacks {', '.join(missing)}",
                "copy them from the .example if you need them",
            )
    return Finding(level, finding, remedy)


def database() -> Finding:
    connection = os.environ.get("SQL_CONNECTION_STRING", "")
    if not connection or connection.startswith("sqlite:"):
        return ok("results go to SQLite")
    if importlib.util.find_spec("pyodbc") is None and not environment.is_installed("app"):
        return note(
            "SQL_CONNECTION_STRING names a SQL Server; pyodbc is not installed yet",
            "it comes with any command",
        )
    asked = subprocess.run(
        [environment.python(), "-m", "database_connection.sql_server"],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode != 0:
        finding, _, remedy = asked.stderr.strip().partition(". ")
        return problem(finding, remedy or "see docs/azure-sql.md")
    return ok(f"ODBC driver for SQL Server: {asked.stdout.strip()}")


def loopback() -> Finding:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
    return ok("ports of 127.0.0.1 can be opened")


def proxy() -> Finding:
    wanted = [name for name in ("http_proxy", "HTTP_PROXY") if os.environ.get(name)]
    spared = os.environ.get("no_proxy", "") + os.environ.get("NO_PROXY", "")
    if wanted and "127.0.0.1" not in spared and "*" not in spared:
        return problem(
            f"{wanted[0]} is set, and NO_PROXY does not spare 127.0.0.1",
            "export NO_PROXY=127.0.0.1,localhost",
        )
    return ok("loopback traffic takes no proxy")


def clock() -> Finding:
    if time.time() > 1_735_689_600:  # 2025-01-01: Azure refuses requests whose clock is over 15 minutes off
        return ok(time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()))
    return problem(
        "the clock stands before 2025", "set the clock (NTP): storage refuses requests signed in the past"
    )


def running() -> Finding:
    state = StateFolder()
    if not state.root.exists():
        return ok("nothing is up")
    try:
        with exclusive_lock(state.lock):
            if state.running.exists():
                return note(
                    "a killed run left its note behind",
                    "the next `up` or `demo` ends what it left and goes on",
                )
            return ok("nothing is up")
    except LockedByAnotherProcessError as error:
        return ok(f"a pipeline is up (process {error.holder})")


def _json_file(name: str, *, required: bool, must_hold: str) -> Finding:
    path = PROJECT_ROOT / name
    if not path.is_file():
        if required:
            return problem(f"{name} is missing", f"restore it: git checkout -- {name}")
        return note(f"no {name}: the stack supplies the settings", f"for `func start`: copy {name}.example")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        return problem(f"{name} is not JSON: {error}", "mend it at the line that the message names")
    if not isinstance(content, dict) or must_hold not in content:
        return problem(
            f"{name} has no {must_hold!r}", f"compare it with {'the .example' if not required else 'git'}"
        )
    return ok(f"{name} is well-formed")


CHECKS: tuple[tuple[str, Callable[[], Finding]], ...] = (
    ("python", python), ("venv", venv_module), ("sqlite", sqlite), ("disk", disk), ("project folder", project_writable),
    ("installed", installed), ("package index", package_index), ("java", java), ("node", node), ("azurite", azurite),
    ("core tools", core_tools), ("host.json", host_json), ("local settings", local_settings), ("database", database),
    ("loopback", loopback), ("proxy", proxy), ("clock", clock), ("running", running),
)  # fmt: skip
