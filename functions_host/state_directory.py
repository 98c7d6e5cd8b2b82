"""The directory that holds what survives a restart, owned by one running host at a time.

The lock is the operating system's, so it vanishes with the process, however it dies.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO

from functions_host.errors import StateInUseError
from functions_host.state_check import check_state

DEFAULT_NAME = ".functions_host"
"""Under the app's root, unless --state says otherwise."""


class StateDirectory:
    """An owned state directory, its files whole; `close` gives it up.

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
            "stop it, or give this one its own with --state"
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
