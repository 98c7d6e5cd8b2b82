"""The HTTP session that SDK 1.x shares among all durable clients of a process.

In Azure it ends with the worker process. Here the process may go on (a test run), and a client on another
event loop would be handed a session of a loop that is over: so it is closed with the last engine of its loop.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

_HTTP = "azure.durable_functions.models.utils.http_utils"
_engines: set[int] = set()


def engine_started(engine: object) -> None:
    """One more engine whose clients may use the session."""
    _engines.add(id(engine))


async def engine_stopped(engine: object) -> None:
    """Close the session if no engine is left to answer it and it belongs to this event loop."""
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
