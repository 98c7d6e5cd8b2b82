"""What one process works with, opened once: settings, blobs, result store and clock.

Adapters are safe to share between threads; activities run in the worker's thread pool.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from threading import Lock

from function_app.results import ResultStore, open_result_store
from function_app.settings import Settings, current_settings
from function_app.storage.blobs import ImageBlobs, open_blobs
from function_app.workflow.live_runs.listing import LiveRuns

_opening = Lock()
_opening_store = Lock()


def utc_now() -> datetime:
    """The present moment, aware and in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Resources:
    """What the steps and the HTTP handlers use; tests pass their own."""

    settings: Settings
    blobs: ImageBlobs
    open_store: Callable[[], ResultStore]
    now: Callable[[], datetime] = utc_now

    @property
    def store(self) -> ResultStore:
        """The result store, opened by whoever first asks: runs start without it. Raises Misconfigured."""
        with _opening_store:
            return self.open_store()

    @cached_property
    def live_runs(self) -> LiveRuns:
        """The runs under way. Use it on one event loop only."""
        return LiveRuns(self.blobs.journal, lambda run_ids: self.store.known_run_ids(run_ids), self.now)


def resources() -> Resources:
    """The resources of this process. Raises Misconfigured naming a setting that is missing or wrong."""
    with _opening:  # lru_cache alone would let simultaneous first callers open one set each
        return _opened()


@lru_cache(maxsize=1)
def _opened() -> Resources:
    settings = current_settings()
    return Resources(
        settings, open_blobs(settings), lru_cache(maxsize=1)(lambda: open_result_store(settings))
    )
