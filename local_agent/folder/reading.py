"""Open and read one inbox file without ever leaving the inbox, and know that it kept still meanwhile."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from local_agent.errors import FileNotReadyError, FileRefusedError
from local_agent.folder.entries import Identity, identity_of

# A name swapped for a FIFO or a link between listing and opening must neither block nor lead away.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_WALKS_BY_HANDLE = os.open in os.supports_dir_fd


_ASKS_AS_IT_ACTS = os.access in os.supports_effective_ids


def may_read(inbox: Path, path: bytes) -> bool:
    """Whether the permissions let this process read the file; asked without opening it."""
    full = os.path.join(os.fsencode(inbox), path)  # noqa: PTH118 (names are bytes)
    return os.access(full, os.R_OK, effective_ids=_ASKS_AS_IT_ACTS)


def read_complete(inbox: Path, path: bytes, expected: Identity, max_bytes: int) -> bytes:
    """The bytes of ``path`` below ``inbox``, all written before the call and none during it.

    Raises FileNotReadyError if it vanished, changed since it was listed, or cannot be opened now;
    FileRefusedError if it is not a regular file or larger than ``max_bytes``.
    """
    try:
        handle = _open_inside(inbox, path)
    except FileNotFoundError as error:
        raise FileNotReadyError("vanished", "it is no longer there") from error
    except OSError as error:
        raise FileNotReadyError("unreadable", f"it cannot be opened: {error.strerror}") from error
    try:
        return _read_unchanged(handle, expected, max_bytes)
    except OSError as error:
        raise FileNotReadyError("unreadable", f"it cannot be read: {error.strerror}") from error
    finally:
        os.close(handle)


def _read_unchanged(handle: int, expected: Identity, max_bytes: int) -> bytes:
    before = os.fstat(handle)
    if not stat.S_ISREG(before.st_mode):
        raise FileRefusedError("special_file", "it is not a regular file")
    if identity_of(before) != expected:
        raise FileNotReadyError("changed", "it changed after it was listed")
    if before.st_size > max_bytes:
        raise FileRefusedError("too_large", f"{before.st_size} bytes, {max_bytes} are allowed")
    content = os.read(handle, before.st_size + 1)
    while len(content) < before.st_size:
        more = os.read(handle, before.st_size + 1 - len(content))
        if not more:
            break
        content += more
    if len(content) != before.st_size or identity_of(os.fstat(handle)) != expected:
        raise FileNotReadyError("changed", "it changed while it was read")
    return content


def _open_inside(inbox: Path, path: bytes) -> int:
    """Open the file one folder at a time, following no link on the way (where the system can do that)."""
    *folders, name = path.split(b"/")
    full = os.path.join(os.fsencode(inbox), path)  # noqa: PTH118 (names are bytes)
    if not folders or not _WALKS_BY_HANDLE:
        return os.open(full, _FLAGS)
    here = os.open(inbox, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            there = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = there
        return os.open(name, _FLAGS, dir_fd=here)
    finally:
        os.close(here)
