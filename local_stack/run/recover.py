"""``pipeline.py recover``: moves whatever local state can no longer be read to ``damaged/``. Standard library only.

Nothing is deleted and nothing lost by it: images are in the device's folders or in storage, and from these the
next ``up`` makes again what is missing. What is whole stays where it is.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from local_stack.errors import StackError
from local_stack.install.file_lock import LockedByAnotherProcessError, exclusive_lock
from local_stack.state_folder import StateFolder
from local_stack.terminal import say


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, also when all is whole. Raises StackError while a pipeline is up."""
    state = StateFolder()
    try:
        with exclusive_lock(state.lock):
            moved = set_damaged_aside(state, datetime.now(UTC))
    except LockedByAnotherProcessError as error:
        raise StackError(
            f"A pipeline is up on {state.root} (process {error.holder}).",
            "stop it first (Ctrl-C in its terminal)",
        ) from error
    for path, why in moved:
        say(f"  ! {path} is damaged ({why}); it was moved to {state.root / 'damaged'}")
    say("Now run `python3 pipeline.py up`: it makes anew what was moved." if moved else "All state is whole.")
    return 0


def set_damaged_aside(state: StateFolder, now: datetime) -> list[tuple[Path, str]]:
    """(what, why) of everything that was moved to ``damaged/``; the host's folder goes as a whole or not at all.

    Half of it would not do: receipts without the histories they stand for would hide blobs from the trigger.
    """
    moved = []
    aside = state.root / "damaged" / now.strftime("%Y%m%dt%H%M%S")
    host = _first_fault(sorted(state.host.glob("*"))) if state.host.is_dir() else None
    if host is not None:
        moved.append((state.host, f"{host[0].name}: {host[1]}"))
    for path in (state.database, state.running, state.agent_status):
        found = _first_fault([path])
        if found is not None:
            moved.append(found)
    for path, _ in moved:
        aside.mkdir(parents=True, exist_ok=True)
        # A database's journal belongs to it, and must not be applied to the next one of that name.
        for each in (path, *path.parent.glob(f"{path.name}-*")):
            each.rename(aside / each.name)
    return moved


def _first_fault(paths: list[Path]) -> tuple[Path, str] | None:
    for path in paths:
        fault = _fault(path) if path.is_file() and path.stat().st_size else None
        if fault:
            return path, fault
    return None


def _fault(path: Path) -> str | None:
    if path.suffix == ".json":
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            return "not valid JSON"
    if path.suffix == ".db":
        try:
            with contextlib.closing(sqlite3.connect(path)) as database:
                found = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
        except sqlite3.OperationalError as error:
            return (
                str(error) if "malformed" in str(error) else None
            )  # in use, or a disk that refuses: not damage
        except sqlite3.DatabaseError as error:
            return str(error)
        return None if found == "ok" else found.splitlines()[-1]
    return None
