"""One agent per folder: a lock the operating system gives back when the process ends, however it ends.

Not filelock: it does not say who holds a lock, so half of this would remain beside it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from local_agent.errors import AgentRunningError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


class FolderLock:
    """Held while an agent serves a folder; a context manager. Raises AgentRunningError on entering."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> FolderLock:
        handle = self._path.open("a+b")
        if not _try_lock(handle):
            handle.seek(0)
            holder = handle.read(20).decode("ascii", "replace").strip() or "unknown"
            handle.close()
            raise AgentRunningError(
                f"another agent (process {holder}) already serves {self._path.parent.parent}; "
                "stop it first, or give this one a folder of its own"
            )
        handle.truncate(0)
        handle.write(str(os.getpid()).encode("ascii"))
        handle.flush()
        self._file = handle
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


if sys.platform == "win32":
    _FAR = 1 << 20  # a byte far behind the text: what is locked cannot be read by others there

    def _try_lock(handle: IO[Any]) -> bool:
        handle.seek(_FAR)
        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        handle.seek(0)
        return True

else:

    def _try_lock(handle: IO[Any]) -> bool:
        try:
            fcntl.flock(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
