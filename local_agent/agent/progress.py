"""One live line on a terminal: what is waiting, what went, how fast, and what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TextIO


def progress_line(status: Mapping[str, Any], width: int = 100) -> str:
    """The line for a status, cut to ``width`` characters. Pure."""
    text = (
        f"{status['state']}: {status['uploaded']} uploaded, {status['waiting']} waiting, "
        f"{status['rejected']} rejected, {status['files_per_second']:.1f} files/s"
    )
    if status["waiting"] and status["oldest_waiting_seconds"] > 10:
        text += f", oldest {status['oldest_waiting_seconds']:.0f} s"
    if status["last_error"]:
        text += f" | {status['last_error']}"
    return text[:width]


class LiveLine:
    """Rewrites one line of a terminal; silent where there is none."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream if stream.isatty() else None

    def show(self, status: Mapping[str, Any]) -> None:
        """Show the status in place of the last one."""
        if self._stream is not None:
            self._stream.write("\r\x1b[K" + progress_line(status))
            self._stream.flush()

    def end(self) -> None:
        """Leave the line behind."""
        if self._stream is not None:
            self._stream.write("\n")
