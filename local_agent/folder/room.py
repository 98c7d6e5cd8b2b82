"""Room on the disk: when to warn, when to ask the device to stop, and what may be deleted to make some."""

from __future__ import annotations

import contextlib
import heapq
import json
import os
import time
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path

from local_agent.blob_contract import encoded_source_name
from local_agent.folder.completeness import looks_unfinished
from local_agent.folder.entries import Kind, list_inbox
from local_agent.folder.layout import DeviceFolders

_AT_A_TIME = 200
_DAY_SECONDS = 86_400.0


class Room(Enum):
    """How full the disk is, by the two watermarks."""

    ENOUGH = "enough"
    LITTLE = "little"
    NONE = "none"


def room(used_percent: float, warn_percent: float, full_percent: float, before: Room) -> Room:
    """Judge one reading. A full disk counts as full until it is below the warning mark again: no flapping. Pure."""
    if used_percent >= full_percent or (before is Room.NONE and used_percent >= warn_percent):
        return Room.NONE
    return Room.LITTLE if used_percent >= warn_percent else Room.ENOUGH


def delete_expired(folders: DeviceFolders, days: float, now: float | None = None) -> int:
    """Delete files that have lain in ``done/`` for more than ``days``; how many.

    The age counts from the move (the inode's change time), not from the capture. Raises OSError.
    """
    limit = (time.time() if now is None else now) - days * _DAY_SECONDS
    deleted = 0
    for path, status in _files(folders.done):
        if status.st_ctime < limit:
            path.unlink(missing_ok=True)
            deleted += 1
    return deleted


def make_room(folders: DeviceFolders, still_full: Callable[[], bool]) -> tuple[int, int]:
    """Delete files, oldest first, until ``still_full`` says no: acknowledged ones first, waiting ones last.

    Only for ``--when-full drop-oldest``: this is the one place where a file that was never uploaded is deleted,
    and each leaves a line in ``rejected/dropped.jsonl``. Gives how many acknowledged and how many waiting files.
    """
    done = waiting = 0
    while still_full():
        oldest = heapq.nsmallest(_AT_A_TIME, _files(folders.done), key=lambda item: item[1].st_mtime_ns)
        if not oldest:
            break
        for path, _ in oldest:
            path.unlink(missing_ok=True)
            done += 1
    while still_full():
        dropped = _drop_waiting(folders)
        if not dropped:
            break
        waiting += dropped
    return done, waiting


def _drop_waiting(folders: DeviceFolders) -> int:
    entries = (
        entry
        for entry in list_inbox(folders.inbox)
        if entry.kind is Kind.FILE and not looks_unfinished(entry.name, hidden_is_unfinished=True)
    )
    dropped = 0
    for entry in heapq.nsmallest(_AT_A_TIME, entries, key=lambda entry: entry.identity.mtime_ns):
        path = Path(os.fsdecode(os.path.join(os.fsencode(folders.inbox), entry.path)))  # noqa: PTH118 (bytes)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            dropped += 1
            record = {
                "source_name": encoded_source_name(entry.path), "reason": "dropped_disk_full",
                "size": entry.identity.size, "mtime_ns": entry.identity.mtime_ns,
            }  # fmt: skip
            with contextlib.suppress(OSError), (folders.rejected / "dropped.jsonl").open("a") as log:
                log.write(json.dumps(record) + "\n")
    return dropped


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for where, _, names in os.walk(folder):
        for name in names:
            path = Path(where, name)
            with contextlib.suppress(FileNotFoundError):
                yield path, path.lstat()
