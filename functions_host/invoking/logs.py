"""The host's log on standard error: records of Python's logging, and one structured line per invocation. No secrets.

Levels come from host.json `logging.logLevel`: `default` for the loggers; for an invocation the category
`Function.<name>`, then `Function`, then `default`.
"""

from __future__ import annotations

import functools
import json
import logging
import re
import sys
import time
from collections.abc import Mapping
from typing import TextIO

_VALUE = r"""(?:\{(?:[^}]|\}\})*\}?|"[^"]*"?|'[^']*'?|[^;&\s"']+)"""
_NAMES = "x-functions-key|aeg-sas-key|aeg-sas-token|x-api-key|client[_-]?secret|access[_-]?token|password"
# Each with the text that stays as its first group. A password may hold spaces, quotes and ampersands: it ends at the
# next semicolon or line. Names that are common words (code, sig) are secrets only with an equals sign.
_SECRETS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"""(\b(?:Password|PWD)\s*=\s*)(?:\{(?:[^}]|\}\})*\}?|"[^"]*"?|'[^']*'?|[^;\r\n]+)""",
        rf"((?:AccountKey|SharedAccessSignature|SharedAccessKey|sig|code)\s*=\s*){_VALUE}",
        rf"""((?:{_NAMES})["']?\s*[:=]\s*){_VALUE}""",
        r"""(\bAuthorization["']?\s*[:=]\s*["']?\w+\s+)[^\s"',;]+""",
        r"""(\b(?:Bearer|SharedKey|SharedKeyLite)\s+)[^\s"',;]+""",
        r"(\b)eyJ[\w-]{8,}\.[\w-]+\.[\w-]*",  # a token by itself
        r"(\w://)[^/\s:@]+:[^/\s@]+(?=@)",  # name and password in an address
    )
)


def redacted(text: str) -> str:
    """The text without the values of anything that looks like a secret: in pairs, headers, addresses, or tokens."""
    for secret in _SECRETS:
        text = secret.sub(r"\1***", text)
    return text


_LEVELS = {
    "trace": logging.DEBUG,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": logging.CRITICAL + 1,
}
_CHATTY = ("azure", "aiohttp", "asyncio", "urllib3", "msal")


class RedactingFormatter(logging.Formatter):
    """Blanks out keys, signatures, passwords and tokens."""

    converter = staticmethod(time.gmtime)

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


def set_up_logging(log_levels: Mapping[str, str]) -> None:
    """Root logger at host.json's default level; libraries at warning."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        RedactingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    )
    default = next((level for name, level in log_levels.items() if name.lower() == "default"), "information")
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS.get(default.lower(), logging.INFO))
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


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
