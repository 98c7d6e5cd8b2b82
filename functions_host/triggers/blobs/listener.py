"""All blob triggers of an app: one scanner per container, one queue, one webhook."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from functions_host.clock import Clock
from functions_host.invoking.invocation import Invoker
from functions_host.loading.host_json import HostOptions
from functions_host.triggers import keep_running
from functions_host.triggers.blobs.deliveries import Deliveries
from functions_host.triggers.blobs.event_grid import EventGridWebhook
from functions_host.triggers.blobs.messages import QueuedBlob
from functions_host.triggers.blobs.queue import BlobTriggerQueue
from functions_host.triggers.blobs.scanner import ContainerScanner
from functions_host.triggers.blobs.storage import BlobStorage
from functions_host.triggers.blobs.subscriptions import BlobSubscription

_log = logging.getLogger("functions_host.blobs")


class BlobListener:
    """Starts and stops the parts of the blob trigger."""

    def __init__(
        self,
        subscriptions: Sequence[BlobSubscription],
        database: Path | Literal[":memory:"],
        invoker: Invoker,
        client_datums: Callable[[str], Mapping[str, str]],
        options: HostOptions,
        interval_seconds: float,
    ) -> None:
        self._queue = BlobTriggerQueue(database)
        by_name = {subscription.function.name: subscription for subscription in subscriptions}
        self._storages = {s.account.blob_url: BlobStorage(s.account) for s in by_name.values()}
        self._by_name = by_name
        self.webhook = EventGridWebhook(by_name, self._enqueue_event, never_run(by_name))
        self._deliveries = Deliveries(
            by_name,
            self._storages,
            self._queue,
            invoker,
            client_datums,
            _poison,
            self._rescan,
            parallelism=options.blob_parallelism,
            poison_threshold=options.poison_blob_threshold,
        )
        self._scanners = self._scanners_of(subscriptions, interval_seconds)
        self._tasks: list[asyncio.Task[None]] = []
        self._clock: Clock | None = None

    def honour_leases(self, clock: Clock, lease: timedelta) -> None:
        """Before `start`: a killed host's deliveries stay invisible for `lease` from their beginning, as in Azure."""
        self._queue.honour_leases(clock.now, lease)
        self._clock = clock

    def start(self) -> None:
        """Begin to deliver what is queued and to scan."""
        self._warn()
        self._tasks = [asyncio.create_task(keep_running(self._deliveries.run, "delivery of blobs"))]
        self._tasks += [
            asyncio.create_task(keep_running(scanner.run, f"scan of container {scanner.container}"))
            for scanner in self._scanners
        ]
        if self._clock is not None:
            wake = partial(self._wake_when_visible, self._clock)
            self._tasks.append(asyncio.create_task(keep_running(wake, "wait for leased blobs")))

    async def _wake_when_visible(self, clock: Clock) -> None:
        while (due := self._queue.next_visible()) is not None:
            await clock.sleep_until(due, asyncio.Event())
            self._deliveries.wake()

    async def stop(self, grace_seconds: float) -> None:
        """Stop scanning, let running deliveries end, close the file."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._deliveries.drain(grace_seconds)
        for storage in self._storages.values():
            await storage.close()
        self._queue.close()

    @property
    def is_idle(self) -> bool:
        """Whether no blob waits or is being worked on."""
        return self._deliveries.is_idle

    def scan_now(self) -> None:
        """Do not wait for the interval."""
        for scanner in self._scanners:
            scanner.rescan.set()

    def _warn(self) -> None:
        for name, subscription in self._by_name.items():
            if subscription.not_deferred_because_of:
                _log.warning(
                    "the binding %r of %s holds an expression: Azure's host then sends the whole blob instead of a"
                    " reference, the worker does not expect it, and every delivery fails. The same is done here.",
                    subscription.not_deferred_because_of, name,
                )  # fmt: skip
        for name in sorted(never_run(self._by_name)):
            _log.warning(
                "%s (source EventGrid) never runs: a polled blob function comes before it by name, and Azure's"
                " host then takes its events and drops them (recorded on 4.1037). The same is done here: rename one.",
                name,
            )

    def _scanners_of(
        self, subscriptions: Sequence[BlobSubscription], interval_seconds: float
    ) -> list[ContainerScanner]:
        polled: dict[tuple[str, str], list[BlobSubscription]] = defaultdict(list)
        for subscription in subscriptions:
            if subscription.polled:
                polled[subscription.account.blob_url, subscription.pattern.container].append(subscription)
        return [
            ContainerScanner(
                container, group, self._storages[url], self._queue, self._deliveries.wake, interval_seconds
            )
            for (url, container), group in polled.items()
        ]

    def _enqueue_event(self, function: str, container: str, name: str) -> None:
        self._queue.enqueue_event(function, container, name)
        self._deliveries.wake()

    def _rescan(self, _container: str) -> None:
        self.scan_now()


def never_run(subscriptions: Mapping[str, BlobSubscription]) -> frozenset[str]:
    """Functions of source EventGrid in an app whose first blob function by name is polled."""
    if not subscriptions or not subscriptions[min(subscriptions)].polled:
        return frozenset()
    return frozenset(name for name, found in subscriptions.items() if not found.polled)


async def _poison(subscription: BlobSubscription, blob: QueuedBlob, etag: str) -> None:
    from functions_host.triggers.blobs.poison import put_in_poison_queue  # rarely needed, slow to import

    await put_in_poison_queue(subscription.account, blob, etag)
