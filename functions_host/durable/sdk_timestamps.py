"""Lets the SDK read the engine's timestamps quickly.

Every replay parses the `Timestamp` of every history event again, and SDK 1.7.0 does that with dateutil's
guess-any-format parser: two thirds of a replay's time (measured: 3.1 ms of SDK time for an orchestration
of three activities, 1.0 ms with this). The one format this engine writes has one reading, so for it the
same value is made directly; any other text still goes to the SDK's own parser.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

_MODULE = "azure.durable_functions.models.history.HistoryEvent"
_EXAMPLE = "2026-01-01T00:00:00.0000000Z"


def speed_up_timestamps() -> bool:
    """Put the fast reader in front of the SDK's (once per process); False where there is no such SDK."""
    try:
        module: Any = importlib.import_module(_MODULE)
    except ImportError:
        return False
    original = getattr(module, "dt_parse", None)
    if original is None:
        return False
    if not getattr(original, "reads_engine_timestamps", False):
        module.dt_parse = fast_reader(original)
    return True


def fast_reader(original: Callable[[str], datetime]) -> Callable[[str], datetime]:
    """`original`, but quick for the engine's own format; results are equal, time zone object included.

    (dateutil gives `Z` its local zone on a machine that runs in UTC, so the zone is taken from an answer.)
    """
    zone = original(_EXAMPLE).tzinfo

    @lru_cache(maxsize=4096)
    def read(text: str) -> datetime:
        if len(text) == len(_EXAMPLE) and text[-2:] == "0Z" and text[10] == "T" and text[19] == ".":
            try:
                return datetime.fromisoformat(text[:-2]).replace(tzinfo=zone)
            except ValueError:
                pass
        return original(text)

    read.reads_engine_timestamps = True  # type: ignore[attr-defined]
    return read
