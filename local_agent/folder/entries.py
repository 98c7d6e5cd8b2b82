"""What a listing of the inbox finds: names, kinds and sizes, never contents; links are not followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple


class Kind(Enum):
    """What kind of thing an inbox entry is, as lstat sees it."""

    FILE = "file"
    SYMLINK = "symlink"
    SPECIAL = "special"  # FIFO, socket, device: opening one may block or act


class Identity(NamedTuple):
    """Tells one state of one file from every other: anything written to it changes this."""

    inode: int
    size: int
    mtime_ns: int


class Entry(NamedTuple):
    """One thing in the inbox. ``path`` is relative to it, ``/`` between parts, as bytes: names need not be text."""

    path: bytes
    kind: Kind
    identity: Identity

    @property
    def name(self) -> bytes:
        """The last part of the path."""
        return self.path.rpartition(b"/")[2]


def identity_of(status: os.stat_result) -> Identity:
    """The part of a stat result that changes whenever the file does."""
    return Identity(status.st_ino, status.st_size, status.st_mtime_ns)


def kind_of(mode: int) -> Kind:
    """The kind of a thing that is not a directory."""
    if stat.S_ISREG(mode):
        return Kind.FILE
    return Kind.SYMLINK if stat.S_ISLNK(mode) else Kind.SPECIAL


def list_inbox(inbox: Path, *, hidden_folders: bool = False) -> Iterator[Entry]:
    """Every entry below the inbox, directories entered but not given; what vanishes meanwhile is skipped.

    A symlink to a directory is an entry, never a way: nothing outside the inbox is looked at.
    Hidden directories are passed over unless asked for: tools assemble files in them.
    Raises OSError only when the inbox itself cannot be read.
    """
    yield from _list(os.fsencode(inbox), b"", hidden_folders)


def _list(folder: bytes, prefix: bytes, hidden_folders: bool) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        for item in found:
            path = prefix + item.name
            try:
                if item.is_dir(follow_symlinks=False):
                    if hidden_folders or not item.name.startswith(b"."):
                        yield from _list_unless_gone(item.path, path + b"/", hidden_folders)
                    continue
                status = item.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield Entry(path, kind_of(status.st_mode), identity_of(status))


def _list_unless_gone(folder: bytes, prefix: bytes, hidden_folders: bool) -> Iterator[Entry]:
    """A subfolder that vanishes or may not be read costs only itself."""
    try:
        yield from _list(folder, prefix, hidden_folders)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
