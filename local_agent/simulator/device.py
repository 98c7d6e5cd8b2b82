"""The device itself: makes images or takes those of a folder, writes each as a careful device would, keeps a manifest.

The order is: temporary name, fsync, line in the manifest (fsynced), rename. So every file that was ever visible has
its line. A line whose file still has its temporary name means that the device was stopped in between, and the audit
says so (``unfinished_by_device``).
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from local_agent.simulator.images import MadeImage
from local_agent.simulator.plan import Run


class Manifest:
    """The device's own record, one JSON line per image; a context manager."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("a", encoding="utf-8")

    def __enter__(self) -> Manifest:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, record: dict[str, Any]) -> None:
        """Append a line; it is on disk when this returns."""
        self._file.write(json.dumps(record) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def manifest_line(name: str, image: MadeImage, completed_at: datetime) -> dict[str, Any]:
    """The line of one image: what it is called, what it holds, and what must become of it."""
    record: dict[str, Any] = {
        "name": name,
        "sum": image.sum,
        "sha256": image.sha256,
        "expected": "rejected" if image.damage else "scored",
        "completed_at": completed_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    if image.damage:
        record["reason"] = image.damage
    return record


def drop_into(inbox: Path, name: str, content: bytes, record: Callable[[datetime], None]) -> None:
    """Write one file atomically: it appears under ``name`` complete or not at all.

    ``record`` is called with the completion time (the file's mtime) just before the file becomes visible.
    """
    temporary = inbox / f".{name}.part"
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        completed_ns = os.fstat(file.fileno()).st_mtime_ns
    record(datetime.fromtimestamp(completed_ns // 1000 / 1e6, UTC))
    temporary.replace(inbox / name)


def simulate(
    run: Run,
    inbox: Path,
    manifest: Manifest,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Make the images of ``run``, each when it is due; how many. Waits while the agent asks to pause.

    The request is a file named PAUSE beside the inbox, which the agent writes when the disk is nearly full.
    """
    inbox.mkdir(parents=True, exist_ok=True)
    started = clock()
    made = 0
    for number in run.numbers():
        image, name = run.image(number), run.name(number)
        wait = started + run.due(number) - clock()
        if wait > 0:
            sleep(wait)
        while (inbox.parent / "PAUSE").exists():
            sleep(1.0)

        def note(completed_at: datetime, name: str = name, image: MadeImage = image) -> None:
            manifest.add(manifest_line(name, image, completed_at))

        drop_into(inbox, name, image.content, note)
        made += 1
    return made


def feed(
    source: Path,
    inbox: Path,
    manifest: Manifest,
    *,
    rate: float = 0.0,
    prefix: str = "",
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Copy every regular file below ``source`` into ``inbox``, sorted by path; how many. ``rate`` 0 is no pause.

    Files of subfolders get the folder into their name, so that no two collide. What must become of a real file is not
    for the feeder to say: ``expected`` and ``sum`` are null, and the sha256 lets an independent reader work them out.
    Raises OSError as it comes.
    """
    inbox.mkdir(parents=True, exist_ok=True)
    files = sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())
    started = clock()
    for number, path in enumerate(files):
        wait = started + (number / rate if rate > 0 else 0.0) - clock()
        if wait > 0:
            sleep(wait)
        content = path.read_bytes()
        name = prefix + "__".join(path.relative_to(source).parts)

        def note(completed_at: datetime, name: str = name, content: bytes = content) -> None:
            manifest.add(
                {
                    "name": name,
                    "sum": None,
                    "sha256": hashlib.sha256(content).hexdigest(),
                    "expected": None,
                    "completed_at": completed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                }
            )

        drop_into(inbox, name, content, note)
    return len(files)
