"""Sets the clock that the parts of a pipeline see (kit/clock/sitecustomize.py does the seeing)."""

from __future__ import annotations

import os
import struct
from pathlib import Path

_FOLDER = Path(__file__).parent / "clock"


class JumpingClock:
    """One file, mapped by every process of a pipeline; a jump is seen at once, without a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_bytes(struct.pack("d", 0.0))

    def environment(self) -> dict[str, str]:
        """What a part's environment needs."""
        search = os.pathsep.join(filter(None, [str(_FOLDER), os.environ.get("PYTHONPATH", "")]))
        return {"PYTHONPATH": search, "FAULTS_CLOCK": str(self._path)}

    def jump_to(self, seconds: float) -> None:
        """So far from the true time."""
        with self._path.open("r+b") as file:
            file.write(struct.pack("d", seconds))
