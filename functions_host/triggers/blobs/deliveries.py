"""Deliver queued blobs to their functions: look, read, invoke, retry, poison (contract C1 step 5, C5b)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from azure.functions.meta import Datum

from functions_host.errors import HostError, NameRefusedError
from functions_host.invoking.invocation import Invoker
from functions_host.triggers.blobs.messages import PresentBlob, QueuedBlob
from functions_host.triggers.blobs.queue import BlobTriggerQueue
from functions_host.triggers.blobs.storage import BlobStorage
from functions_host.triggers.blobs.subscriptions import BlobSubscription
from functions_host.triggers.blobs.trigger_data import blob_reference, trigger_metadata

_STORAGE_PAUSE_SECONDS = 1.0

_log = logging.getLogger("functions_host.blobs")


class Deliveries:
    """Takes blobs off the queue, `parallelism` at a time."""

    def __init__(
        self,
        subscriptions: Mapping[str, BlobSubscription],
        storages: Mapping[str, BlobStorage],
        queue: BlobTriggerQueue,
        invoker: Invoker,
        client_datums: Callable[[str], Mapping[str, str]],
        put_in_poison_queue: Callable[[BlobSubscription, QueuedBlob, str], Awaitable[None]],
        rescan: Callable[[str], None],
        *,
        parallelism: int,
        poison_threshold: int,
    ) -> None:
        self._subscriptions = subscriptions
        self._storages = storages
        self._queue = queue
        self._invoker = invoker
        self._client_datums = client_datums
        self._put_in_poison_queue = put_in_poison_queue
        self._rescan = rescan
        self._parallelism = parallelism
        self._threshold = poison_threshold
        self._active: dict[int, asyncio.Task[None]] = {}
        self._work = asyncio.Event()
        self._work.set()

    def wake(self) -> None:
        """Something was queued."""
        self._work.set()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being delivered and nothing waits."""
        return not self._active and not self._queue.waiting((), 1)

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            free = self._parallelism - len(self._active)
            for blob in self._queue.waiting(list(self._active), free) if free > 0 else ():
                task = asyncio.create_task(self._deliver_guarded(blob))
                self._active[blob.row_id] = task

    async def drain(self, seconds: float) -> None:
        """Wait for running deliveries, then cancel them: a cancelled one is delivered again after a restart."""
        if self._active:
            await asyncio.wait(self._active.values(), timeout=seconds)
        for task in list(self._active.values()):
            task.cancel()
        await asyncio.gather(*self._active.values(), return_exceptions=True)

    async def _deliver_guarded(self, blob: QueuedBlob) -> None:
        try:
            await self._deliver(blob)
        except NameRefusedError as error:
            self._queue.remove(blob.row_id)
            _log.error(
                "AZURE'S HOST WOULD END HERE, and again when the message returns (recorded on 4.1037): storage"
                " refuses the name of %s, told to %s: %s. It was dropped.",
                blob.path, blob.function, error,
            )  # fmt: skip
        except HostError as error:
            _log.warning("delivery of %s to %s postponed: %s", blob.path, blob.function, error)
            await asyncio.sleep(_STORAGE_PAUSE_SECONDS)
        except Exception:  # noqa: BLE001 (whatever it is, the blob stays queued and the log must tell)
            _log.exception(
                "delivery of %s to %s failed in the host, will try again", blob.path, blob.function
            )
            await asyncio.sleep(_STORAGE_PAUSE_SECONDS)
        finally:
            del self._active[blob.row_id]
            self._work.set()

    async def _deliver(self, blob: QueuedBlob) -> None:
        subscription = self._subscriptions.get(blob.function)
        if subscription is None:  # the function was removed or renamed since
            self._queue.remove(blob.row_id)
            return
        storage = self._storages[subscription.account.blob_url]
        if blob.dequeue_count >= self._threshold:
            await self._poison(subscription, blob, blob.etag or await _present_etag(storage, blob))
            return
        found = await storage.head(blob.container, blob.name, blob.etag)
        if found is None:
            self._queue.remove(blob.row_id)
            self._rescan(blob.container)
            return
        data = await self._trigger_data(subscription, storage, blob, found)
        count = self._queue.count_delivery(blob.row_id)
        if await self._invoked(subscription, blob, found, data):
            self._queue.remove(blob.row_id)
        elif count >= self._threshold:
            await self._poison(subscription, blob, found.etag)

    async def _trigger_data(
        self, subscription: BlobSubscription, storage: BlobStorage, blob: QueuedBlob, found: PresentBlob
    ) -> Datum:
        """What the trigger's parameter is converted from: a reference, or the whole content."""
        if subscription.by_reference:
            reference = blob_reference(subscription.connection, blob.container, blob.name)
            return Datum(reference, "model_binding_data")
        return Datum(await storage.content(blob.container, blob.name, found.etag), "bytes")

    async def _invoked(
        self, subscription: BlobSubscription, blob: QueuedBlob, found: PresentBlob, data: Datum
    ) -> bool:
        function = subscription.function
        inputs = {function.trigger.name: data}
        for name, text in self._client_datums(function.name).items():
            inputs[name] = Datum(text, "string")
        tokens = subscription.tokens(blob.container, blob.name)
        try:
            await self._invoker.invoke(
                function, inputs, trigger_metadata(blob, found, tokens), subject=blob.path
            )
        except Exception:  # noqa: BLE001 (the app's own code; logged by the invoker)
            return False
        return True

    async def _poison(self, subscription: BlobSubscription, blob: QueuedBlob, etag: str) -> None:
        await self._put_in_poison_queue(subscription, blob, etag)
        self._queue.remove(blob.row_id)
        _log.error(
            "%s failed %d times for %s: moved to the queue webjobs-blobtrigger-poison",
            blob.function, self._threshold, blob.path,
        )  # fmt: skip


async def _present_etag(storage: BlobStorage, blob: QueuedBlob) -> str:
    found = await storage.head(blob.container, blob.name)
    return found.etag if found else ""
