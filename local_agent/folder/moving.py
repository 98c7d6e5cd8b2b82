"""Move a file out of the inbox: to ``done/`` when it was acknowledged, to ``rejected/`` with its reason.

A move is a rename on one file system: it happens or it does not, and nothing is ever overwritten.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from local_agent.blob_contract import encoded_source_name
from local_agent.folder.completeness import MARKER_SUFFIX
from local_agent.folder.entries import Identity, identity_of
from local_agent.folder.layout import DeviceFolders

_LONGEST_NAME = 200  # bytes kept of a name in rejected/, so that ".reason.json" still fits into 255


@dataclass(frozen=True)
class Reason:
    """Why a file was rejected: a stable word for machines, a sentence for people."""

    code: str
    message: str


def has_changed(inbox: Path, path: bytes, expected: Identity) -> bool:
    """Whether the file is no longer the one that was read: then it must stay, it is a new image."""
    try:
        return identity_of(os.lstat(_join(inbox, path))) != expected
    except FileNotFoundError:
        return True


def move_to_done(folders: DeviceFolders, path: bytes, expected: Identity, tag: str) -> bool:
    """Move an acknowledged file; false if it changed meanwhile and so stays for another upload.

    ``tag`` tells apart files that had the same name at different times: it is part of the blob's name.
    Raises OSError when the file system refuses.
    """
    return _moved(folders, path, expected, tag) is not None


def delete_done(folders: DeviceFolders, path: bytes, expected: Identity, tag: str) -> bool:
    """Delete an acknowledged file instead of keeping it; false if it changed meanwhile and so stays.

    It is moved first, as if it were kept: deleted where it lay, it might be one that the device had put in its place
    just then. Raises OSError.
    """
    target = _moved(folders, path, expected, tag)
    if target is not None and expected.size:  # an empty file's writer may still hold it open: it is watched
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target)  # noqa: PTH108 (names are bytes)
    return target is not None


def _moved(folders: DeviceFolders, path: bytes, expected: Identity, tag: str) -> bytes | None:
    if has_changed(folders.inbox, path, expected):
        return None
    target = _join(folders.done if expected.size else folders.done_empty, path)
    if os.path.lexists(target):
        target += b"~" + tag.encode("ascii")
    _rename(_join(folders.inbox, path), target)
    with contextlib.suppress(FileNotFoundError):
        if identity_of(os.lstat(target)) != expected:  # rewritten or replaced in the last microseconds
            _give_back(folders, path, target)
            return None
    _remove_marker(folders, path)
    return target


def reject(folders: DeviceFolders, path: bytes, reason: Reason) -> Path:
    """Move something that can never be uploaded to ``rejected/`` and say why in ``<name>.reason.json``.

    The reason is written first: a file in ``rejected/`` always has one. Raises OSError.
    """
    name = path.rpartition(b"/")[2]
    if len(name) > _LONGEST_NAME:
        name = name[:120] + b"~" + hashlib.sha256(path).hexdigest()[:16].encode("ascii")
    target = _join(folders.rejected, name)
    number = 0
    while os.path.lexists(target) or os.path.lexists(target + b".reason.json"):
        number += 1
        target = _join(folders.rejected, name + b"~%d" % number)
    record = {"source_name": encoded_source_name(path), "reason": reason.code, "message": reason.message}
    Path(os.fsdecode(target + b".reason.json")).write_text(json.dumps(record) + "\n", encoding="utf-8")
    try:
        _rename(_join(folders.inbox, path), target)
    except OSError:
        os.unlink(target + b".reason.json")  # noqa: PTH108 (names are bytes)
        raise
    _remove_marker(folders, path)
    return Path(os.fsdecode(target))


def return_filled(folders: DeviceFolders) -> int:
    """Bring back files that were empty when they were acknowledged and have been filled since; how many.

    A writer that created its file, paused, and went on after the move writes into ``done/.empty/``.
    """
    returned = 0
    base = os.fsencode(folders.done_empty)
    for folder, _, names in os.walk(base):
        for name in names:
            source = os.path.join(folder, name)  # noqa: PTH118 (names are bytes)
            with contextlib.suppress(FileNotFoundError):
                if os.lstat(source).st_size == 0:
                    continue
                path = os.path.relpath(source, base).replace(os.sep.encode(), b"/")
                _give_back(folders, path, source)
                returned += 1
    return returned


def _give_back(folders: DeviceFolders, path: bytes, source: bytes) -> None:
    """Put a file back into the inbox, beside whatever has taken its name."""
    target = _join(folders.inbox, path)
    if os.path.lexists(target):
        target += b"~%d" % os.lstat(source).st_mtime_ns
    _rename(source, target)


def _join(folder: Path, path: bytes) -> bytes:
    return os.path.join(os.fsencode(folder), path)  # noqa: PTH118 (names are bytes)


def _rename(source: bytes, target: bytes) -> None:
    try:
        os.rename(source, target)  # noqa: PTH104 (names are bytes)
    except FileNotFoundError:
        parent = os.path.dirname(target)  # noqa: PTH120 (names are bytes)
        if os.path.isdir(parent):  # noqa: PTH112 (names are bytes)
            raise
        os.makedirs(parent, exist_ok=True)  # noqa: PTH103 (names are bytes)
        os.rename(source, target)  # noqa: PTH104 (names are bytes)


def _remove_marker(folders: DeviceFolders, path: bytes) -> None:
    """The marker of a taken file goes with it, or a later file of that name would count as complete."""
    if folders.markers:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_join(folders.inbox, path) + MARKER_SUFFIX)  # noqa: PTH108 (names are bytes)
