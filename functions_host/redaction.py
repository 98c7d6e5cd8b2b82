"""Blank out what may be a secret in text bound for a log: keys, signatures, passwords in `name=value` form."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"(AccountKey|SharedAccessSignature|SharedAccessKey|sig|code|Password|PWD)=[^;&\s\"']+", re.IGNORECASE
)


def redacted(text: str) -> str:
    """The text without the values of anything that looks like a secret."""
    return _SECRET.sub(r"\1=***", text)
