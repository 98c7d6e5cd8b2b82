"""What calls functions besides HTTP and Durable: blobs and timers.

`keep_running` runs their loops, which must not end silently: one that fails is logged and started again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

RESTART_SECONDS = 5.0

_log = logging.getLogger("functions_host")


async def keep_running(work: Callable[[], Awaitable[None]], what: str) -> None:
    """Run `work` until it returns or is cancelled; an unexpected failure is logged and followed by another start."""
    while True:
        try:
            await work()
            return
        except Exception:  # noqa: BLE001 (whatever it is, the loop must live and the log must tell)
            _log.exception("%s failed unexpectedly and starts again in %g s", what, RESTART_SECONDS)
            await asyncio.sleep(RESTART_SECONDS)
