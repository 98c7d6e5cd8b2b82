"""Dispatches activities, each at least once, and turns results and failures into messages for their instance.

The task hub's lock proves that no other process runs its work, so whatever is found leased at start was lost with its
process and runs again at once. Azure, which cannot know, waits for the lease to run out; a dispatcher with a `lease`
does so too, for what had begun.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections import deque
from datetime import datetime, timedelta

from functions_host.durable.catalog import FunctionCatalog
from functions_host.durable.events import Event, EventType, dumps
from functions_host.durable.storing import rows
from functions_host.durable.storing.instance import Work
from functions_host.durable.storing.store import Unit
from functions_host.durable.storing.task_hub import TaskHub
from functions_host.durable.storing.timer_queue import TimerQueue
from functions_host.errors import WorkerExitedError

ACTIVITY_LEASE = timedelta(minutes=5)
"""In Azure, from an activity's beginning until another host may run it (recorded; contract F)."""

_log = logging.getLogger("functions_host.durable.activities")


class ActivityDispatcher:
    """At most `slots` activities at a time, oldest call first."""

    def __init__(
        self, catalog: FunctionCatalog, hub: TaskHub, slots: int, lease: timedelta | None = None
    ) -> None:
        self._catalog = catalog
        self._hub = hub
        self._slots = slots
        self._lease = lease
        self._leased: dict[int, Work] = {}
        self._lease_ends = TimerQueue(hub.clock, self._lease_over)
        self._waiting_for_leases: asyncio.Task[None] | None = None
        self._waiting: deque[Work] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False

    @property
    def is_idle(self) -> bool:
        """Whether no activity runs or waits for a slot."""
        return not self._waiting and not self._running

    @property
    def waits_for_a_lease(self) -> bool:
        """Whether activities that a killed host had begun are still leased to it."""
        return self._lease_ends.pending

    def resume(self) -> None:
        """Run again what was left unfinished; with a `lease`, what had begun only once that has run out."""
        works = rows.read_work(self._hub.store)
        if works:
            self._hub.store.submit(Unit([rows.lease_all_work(self._hub.owner)]))
        now = self._hub.clock.now()
        for work, leased_at in works:
            if self._lease and leased_at and leased_at + self._lease > now:
                self._leased[work.work_id] = work
                self._lease_ends.add(leased_at + self._lease, work.work_id, work.instance_id)
        if self._leased:
            self._waiting_for_leases = asyncio.get_running_loop().create_task(self._lease_ends.run())
        self.start([work for work, _ in works if work.work_id not in self._leased])

    def _lease_over(self, _instance_id: str, work_id: int) -> None:
        self.start([self._leased.pop(work_id)])

    def start(self, works: list[Work]) -> None:
        """Run these as slots become free; their rows are durable already."""
        self._waiting.extend(works)
        self._pump()

    def _pump(self) -> None:
        while self._waiting and len(self._running) < self._slots and not self._stopping:
            work = self._waiting.popleft()
            task = asyncio.get_running_loop().create_task(self._run(work))
            self._running.add(task)
            task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("durable engine: an activity could not be recorded", exc_info=error)
        self._pump()

    async def stop(self, grace_seconds: float) -> None:
        """Start no more; wait for running ones, then cancel them (they run again at the next start)."""
        self._stopping = True
        if self._waiting_for_leases is not None:
            self._waiting_for_leases.cancel()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace_seconds)
            for task in late:
                task.cancel()

    async def _run(self, work: Work) -> None:
        if not self._wanted(work):
            self._hub.store.submit(Unit([rows.delete_work(work.work_id)]))
            return
        if self._lease:
            self._hub.store.submit(Unit([rows.note_lease(work.work_id, self._hub.clock.now())]))
        try:
            result = await self._catalog.invoke_activity(work.name, work.input, work.instance_id)
        except Exception as error:  # noqa: BLE001 - whatever user code raised becomes TaskFailed
            if self._stopping:
                return
            event = failure(work, error, self._hub.clock.now())
        else:
            event = completion(work, result, self._hub.clock.now())
        self._hub.store.submit(
            Unit(
                [
                    rows.delete_work(work.work_id),
                    *self._hub.send(work.instance_id, event, work.execution_id),
                ]
            )
        )

    def _wanted(self, work: Work) -> bool:
        instance = self._hub.find(work.instance_id)
        return instance is not None and instance.execution_id == work.execution_id


def completion(work: Work, result: str | None, at: datetime) -> Event:
    """TaskCompleted; a JSON null counts as no result (contract B5)."""
    value = None if result is None or result.strip() == "null" else result
    return Event(EventType.TASK_COMPLETED, at, -1, {"TaskScheduledId": work.task_id, "Result": value})


def failure(work: Work, error: Exception, at: datetime) -> Event:
    """TaskFailed as the real host words it: the orchestrator sees `Reason` and `Details`."""
    if isinstance(error, WorkerExitedError):
        text, details = str(error), worker_exit_details(str(error))
    else:
        text = f"{type(error).__name__}: {error}"
        details = dumps(
            {
                "ClassName": type(error).__qualname__,
                "Message": str(error),
                "StackTraceString": "".join(traceback.format_exception(error)),
            }
        )
    return Event(
        EventType.TASK_FAILED,
        at,
        -1,
        {
            "TaskScheduledId": work.task_id,
            "Reason": f"Activity function '{work.name}' failed: {text}",
            "Details": details,
        },
    )


def worker_exit_details(message: str) -> str:
    """The host's exception for a worker that exited under an activity, serialised as recorded on host 4.1037."""
    nothing_inside = {
        "$type": "System.Exception, System.Private.CoreLib",
        "ClassName": "System.Exception",
        "Message": "",
        **dict.fromkeys(("Data", "InnerException", "HelpURL", "StackTraceString", "RemoteStackTraceString")),
        "RemoteStackIndex": 0,
        "ExceptionMethod": None,
        "HResult": -2146233088,
        **dict.fromkeys(("Source", "WatsonBuckets")),
    }
    exception = {
        "$type": "Microsoft.Azure.WebJobs.Script.Workers.WorkerProcessExitException, Microsoft.Azure.WebJobs.Script",
        "Message": message,
        "Data": {"$type": "System.Collections.ListDictionaryInternal, System.Private.CoreLib"},
        "InnerException": nothing_inside,
        "HelpLink": None,
        "Source": "System.Private.CoreLib",
        "HResult": -2146233088,
        "StackTrace": "   at Microsoft.Azure.WebJobs.Script.Description.WorkerFunctionInvoker.InvokeCore"
        "(Object[] parameters, FunctionInvocationContext context)",
    }
    return dumps(exception)
