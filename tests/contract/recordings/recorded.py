"""The recorded rows, by file and label."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
SENT = ": sent by the host"

Row = dict[str, Any]


@lru_cache
def rows(name: str) -> tuple[Row, ...]:
    """All rows of `name`.json, in their order."""
    return tuple(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def row(name: str, label: str) -> Row:
    """The first row of this label."""
    return next(found for found in rows(name) if found["label"] == label)


def sent(name: str, label: str) -> Row:
    """What the host sent for the trigger in the row of this label: `data` and `trigger_metadata`."""
    return dict(row(name, label + SENT)["value"][0])
