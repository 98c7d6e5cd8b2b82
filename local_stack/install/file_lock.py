"""A lock between processes that the operating system releases when its holder dies. Standard library only."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class LockedByAnotherProcessError(Exception):
    """Another living process holds the lock; ``holder`` is what it wrote into the file (its pid)."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(f"{path} is held by process {holder or 'unknown'}")
        self.holder = holder


@contextmanager
def exclusive_lock(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold ``path`` exclusively; with ``wait`` until the holder is gone.

    Raises LockedByAnotherProcessError at once when it is held and ``wait`` is false. The file itself stays:
    removing it would let two processes lock two different files of one name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as handle:
        while not _try_lock(handle):
            if not wait:
                raise LockedByAnotherProcessError(path, _holder(path))
            time.sleep(0.2)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        try:
            yield
        finally:
            handle.truncate(0)
            _unlock(handle)


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:  # Windows refuses to read a locked region
        return ""


if sys.platform == "win32":
    # A byte far behind the text, so that the holder's pid can still be read.
    _FAR = 1 << 20

    def _try_lock(handle: IO[str]) -> bool:
        handle.seek(_FAR)
        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        handle.seek(0)
        return True

    def _unlock(handle: IO[str]) -> None:
        handle.seek(_FAR)
        msvcrt.locking(handle.fileno(), msvcrt.LK_UNLCK, 1)

else:

    def _try_lock(handle: IO[str]) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(handle: IO[str]) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
