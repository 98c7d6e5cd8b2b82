"""What the engine touches inside SDK 1.x: its HTTP session is closed, and two slow spots of its replay made quick.

The SDK shares one HTTP session among all durable clients of a process. In Azure that ends with the worker process.
Here the process may go on (a test run), and a client on another event loop would get the session of a closed one: so
the session is closed with the last engine.

Each replay parses every timestamp of the history with dateutil and makes a namedtuple class anew. `speed_up_sdk`
replaces both by equal, cached ones (figures: docs/benchmarks-host.md).
"""

from __future__ import annotations

import asyncio
import importlib
from collections import namedtuple
from collections.abc import Callable
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

_HTTP = "azure.durable_functions.models.utils.http_utils"
_engines: set[int] = set()


def engine_started(engine: object) -> None:
    """Another engine whose clients may use the session."""
    _engines.add(id(engine))


async def engine_stopped(engine: object) -> None:
    """Close the session if no engine is left and it belongs to this event loop."""
    _engines.discard(id(engine))
    if _engines:
        return
    try:
        http: Any = importlib.import_module(_HTTP)
    except ImportError:
        return
    session = getattr(http, "_client_session", None)
    if session is None or getattr(session, "_loop", None) is not asyncio.get_running_loop():
        return
    http._client_session = None
    http._session_lock = asyncio.Lock()  # a lock that was waited for stays with its loop
    await session.close()


_HISTORY_EVENT = "azure.durable_functions.models.history.HistoryEvent"
_EXECUTOR = "azure.durable_functions.models.TaskOrchestrationExecutor"
_EXAMPLE = "2026-01-01T00:00:00.0000000Z"


def speed_up_sdk() -> bool:
    """Put both replacements in place, once per process; False where there is no such SDK."""
    try:
        module: Any = importlib.import_module(_HISTORY_EVENT)
        executor: Any = importlib.import_module(_EXECUTOR)
    except ImportError:
        return False
    if getattr(executor, "namedtuple", None) is namedtuple:
        executor.namedtuple = cache(namedtuple)
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
