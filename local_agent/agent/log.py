"""The agent's log: one JSON object per line on standard output, and never a secret in it."""

from __future__ import annotations

import json
from typing import Any


def log_line(event: str, **fields: Any) -> None:
    """Write one line at once."""
    print(json.dumps({"event": event, **fields}), flush=True)
