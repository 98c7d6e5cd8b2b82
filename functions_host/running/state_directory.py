"""The directory that holds what survives a restart: owned by one running host at a time, its files checked at start.

The host lock is the operating system's, so it goes with the process, however that ends. A damaged file is named at
start; found later, it would fail one blob or one orchestration after another.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import IO

from functions_host.errors import StateDamagedError, StateInUseError

DEFAULT_NAME = ".functions_host"
"""Under the app's root, unless --state says otherwise."""


class StateDirectory:
    """A locked state directory whose files can be read; `close` unlocks it.

    Raises StateInUseError and StateDamagedError.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = _locked(path / "host.lock")
        try:
            check_state(path)
        except BaseException:
            self._lock.close()
            raise
        ignore = path / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")

    def close(self) -> None:
        self._lock.close()


def _locked(path: Path) -> IO[bytes]:
    handle = path.open("a+b")
    try:
        _try_lock(handle)
    except OSError:
        handle.close()
        holder = _holder(path.with_suffix(".pid"))
        raise StateInUseError(
            f"the state directory {path.parent} is in use by another functions_host{holder}; "
            "stop it, or start this one with another --state"
        ) from None
    path.with_suffix(".pid").write_text(str(os.getpid()), encoding="ascii")
    return handle


def _holder(path: Path) -> str:
    try:
        return f" (process {path.read_text(encoding='ascii').strip()})"
    except OSError:
        return ""


if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: IO[bytes]) -> None:
        handle.seek(0)
        msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(handle: IO[bytes]) -> None:
        fcntl.flock(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def check_state(folder: Path) -> None:
    """Raise StateDamagedError naming the first file that cannot be read as what it is.

    SQLite's quick check takes less than a tenth of a second for 100 MB.
    """
    for path in sorted(folder.iterdir()):
        if path.suffix == ".db":
            wrong = _database_fault(path)
        elif path.suffix == ".json":
            wrong = _json_fault(path)
        else:
            continue
        if wrong:
            raise StateDamagedError(
                f"{path} is damaged ({wrong}). Move the folder {folder} away and start again: the host then scans "
                "all blobs anew, and what a blob had started begins again"
            )


def _database_fault(path: Path) -> str | None:
    if path.stat().st_size == 0:
        return None  # made, and never written
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        # In use, or a disk that refuses: not for us to judge. What SQLite cannot read is a plain DatabaseError.
        return str(error) if "malformed" in str(error) else None
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if found == "ok" else str(found).splitlines()[-1]


def _json_fault(path: Path) -> str | None:
    try:
        json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError:
        return "not valid JSON"
    return None
