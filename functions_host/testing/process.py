"""What all apps of a test process share: one event loop in a daemon thread, and the environment.

One loop, because the Durable SDK keeps a global HTTP session that belongs to the loop it was first used on.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Mapping
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


class ProcessEnvironment:
    """Applies variables; `restore` undoes exactly those."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        changed = {name: value for name, value in variables.items() if os.environ.get(name) != value}
        self._before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)

    def restore(self) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        self._before = {}
