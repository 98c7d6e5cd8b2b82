"""Feed existing image files into an inbox as a device would, with a manifest that knows no sums.

What must become of a real file is not for the feeder to say: ``expected`` and ``sum`` are null, the sha256
lets an independent reader work them out.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from local_agent.simulator.device import Manifest, drop_into


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

    Files of subfolders get the folder into their name, so that no two collide. Raises OSError as it comes.
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
