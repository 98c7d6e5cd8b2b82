"""The scan: list a container, queue what has no completed receipt (contract C1 steps 1-4, C5b)."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable, Sequence

from functions_host.errors import HostError
from functions_host.triggers.blobs.messages import ListedBlob
from functions_host.triggers.blobs.queue import BlobTriggerQueue
from functions_host.triggers.blobs.storage import BlobStorage
from functions_host.triggers.blobs.subscriptions import BlobSubscription

_SLACK_SECONDS = 60.0
_FULL_SCAN_SECONDS = 600.0
_QUEUE_BATCH = 500
_MAX_BACKOFF_SECONDS = 30.0

_log = logging.getLogger("functions_host.blobs")


class ContainerScanner:
    """Polls one container for all functions that watch it.

    Between full scans a blob older than the newest one seen, by more than a minute, is not looked up
    again: an optimisation only, since receipts decide. Scans take a fifth of the time at most.
    """

    def __init__(
        self,
        container: str,
        subscriptions: Sequence[BlobSubscription],
        storage: BlobStorage,
        queue: BlobTriggerQueue,
        queued: Callable[[], None],
        interval_seconds: float,
    ) -> None:
        self.container = container
        self._subscriptions = subscriptions
        self._prefix = _common_start([s.pattern.prefix for s in subscriptions])
        self._storage = storage
        self._queue = queue
        self._queued = queued
        self._interval = interval_seconds
        self._newest_seen = float("-inf")
        self._full_scan_due = 0.0
        self.rescan = asyncio.Event()

    async def run(self) -> None:
        """Scan until cancelled; storage failures are logged once per outage and retried with back-off."""
        failures = 0
        while True:
            started = time.monotonic()
            self.rescan.clear()
            try:
                await self.scan()
                if failures:
                    _log.warning("container %s can be listed again", self.container)
                failures = 0
            except HostError as error:
                if not failures:
                    _log.warning("container %s cannot be listed, will try again: %s", self.container, error)
                failures += 1
            taken = time.monotonic() - started
            backoff = min(_MAX_BACKOFF_SECONDS, self._interval * 2**failures) if failures else 0.0
            await self._pause(max(self._interval, 4 * taken, backoff))

    async def scan(self) -> None:
        """One pass over the container, page by page."""
        full = time.monotonic() >= self._full_scan_due
        horizon = float("-inf") if full else self._newest_seen - _SLACK_SECONDS
        newest = self._newest_seen
        async for page in self._storage.pages(self.container, self._prefix):
            newest = max([newest, *(blob.last_modified for blob in page)])
            recent = [blob for blob in page if blob.last_modified >= horizon]
            queued = await asyncio.to_thread(self._enqueue, recent) if recent else 0
            if queued:
                self._queued()
        self._newest_seen = newest
        if full:
            self._full_scan_due = time.monotonic() + _FULL_SCAN_SECONDS

    def _enqueue(self, page: Sequence[ListedBlob]) -> int:
        queued = 0
        for subscription in self._subscriptions:
            matching = [blob for blob in page if subscription.pattern.match(blob.name) is not None]
            for start in range(0, len(matching), _QUEUE_BATCH):
                batch = matching[start : start + _QUEUE_BATCH]
                queued += self._queue.enqueue_new(subscription.function.name, self.container, batch)
        return queued

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.rescan.wait(), seconds)
        except TimeoutError:
            return


def _common_start(texts: Sequence[str]) -> str:
    """The longest beginning all texts share."""
    shortest = min(texts, key=len)
    same = (all(text[i] == character for text in texts) for i, character in enumerate(shortest))
    return shortest[: sum(1 for _ in itertools.takewhile(bool, same))]
