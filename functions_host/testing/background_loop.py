"""One event loop in one daemon thread for all apps of a test process.

One, because the Durable SDK keeps a global HTTP session that belongs to the loop it was first used on.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundLoop:
    """Runs coroutines for synchronous callers."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="functions_host.testing", daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T], seconds: float | None = 60.0) -> T:
        """The coroutine's result; raises what it raises, TimeoutError after `seconds`."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def call(self, function: Callable[[], T]) -> T:
        """Call a plain function on the loop's thread."""

        async def called() -> T:
            return function()

        return self.run(called())


@cache
def background_loop() -> BackgroundLoop:
    """The process's loop, made on first use."""
    return BackgroundLoop()
