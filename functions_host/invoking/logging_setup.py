"""Logging of the host process: one line per record on stderr, levels from host.json, secrets kept out."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Mapping

_SECRET = re.compile(
    r"(AccountKey|SharedAccessSignature|SharedAccessKey|sig|code|Password|PWD)\s*=\s*(\{(?:[^}]|\}\})*\}|[^;&\s\"']+)",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The text without the values of anything that looks like a secret, in ODBC's braces or without."""
    return _SECRET.sub(r"\1=***", text)


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
    """Blanks out the values of keys, signatures and passwords in `name=value` form."""

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
