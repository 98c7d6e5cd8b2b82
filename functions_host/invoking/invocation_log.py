"""One structured line per invocation: `time level key=value ...`, cheap enough for thousands a second.

Levels come from host.json `logging.logLevel`: category `Function.<name>`, then `Function`, then `default`.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Mapping
from typing import TextIO

from functions_host.invoking.logging_setup import redacted

_RANKS = {"trace": 0, "debug": 1, "information": 2, "warning": 3, "error": 4, "critical": 5, "none": 6}
_INFORMATION, _ERROR = 2, 4


class InvocationLog:
    """Writes to `stream`; inputs, outputs and keys never appear in a line."""

    def __init__(self, stream: TextIO | None, log_levels: Mapping[str, str]) -> None:
        self._stream = stream
        self._levels = {name.lower(): _RANKS.get(level.lower(), 2) for name, level in log_levels.items()}
        self._thresholds: dict[str, int] = {}

    def finished(
        self,
        function: str,
        kind: str,
        invocation_id: str,
        seconds: float,
        *,
        error: str = "",
        subject: str = "",
    ) -> None:
        """Record one invocation; `subject` says what it was about (a blob, an instance id, a request)."""
        if self._stream is None or self._threshold(function) > (_ERROR if error else _INFORMATION):
            return
        line = (
            f"{_timestamp()} {'error' if error else 'info'} function={function} kind={kind} "
            f"status={'failed' if error else 'succeeded'} duration_ms={seconds * 1000:.1f} "
            f"invocation={invocation_id}"
        )
        if subject:
            line += f" subject={_quoted(subject)}"
        if error:
            line += f" error={_quoted(redacted(error))}"
        self._stream.write(line + "\n")

    def _threshold(self, function: str) -> int:
        threshold = self._thresholds.get(function)
        if threshold is None:
            candidates = (f"function.{function.lower()}", "function", "default")
            threshold = next(
                (self._levels[name] for name in candidates if name in self._levels), _INFORMATION
            )
            self._thresholds[function] = threshold
        return threshold


def _timestamp() -> str:
    now = time.time()
    return f"{_second(int(now))}.{int(now % 1 * 1000):03d}Z"


@functools.lru_cache(maxsize=4)
def _second(moment: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))


def _quoted(text: str) -> str:
    """As it is when it has no space, quote or control character; else as a JSON string, so a line stays a line."""
    return text if text.isascii() and text.isprintable() and not set(text) & set(' "=') else json.dumps(text)
