"""The live part of a task hub: which instances are in memory, and how messages reach them.

The file is the truth; an instance is loaded when something happens to it and dropped when it has
ended. Whoever changes an instance changes memory and submits the same change as a unit of the store
together, so the two differ by no more than the commit at the end of this iteration of the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from functions_host.clock import Clock
from functions_host.durable.events import Event, execution_started, iso, new_id, parse_time
from functions_host.durable.status import Status
from functions_host.durable.storing import rows
from functions_host.durable.storing.instance import Instance, Message, Parent
from functions_host.durable.storing.store import Statement, Store, Unit
from functions_host.durable.storing.timer_queue import TimerQueue

MOST_IDLE_INSTANCES = 2000
"""With more than this many in memory, one that only waits (for a timer, an event, an activity) is unloaded."""


class TaskHub:
    """Instances in memory over the store. `on_ready` is called for each that has something to do."""

    def __init__(self, store: Store, clock: Clock, on_ready: Callable[[Instance], None]) -> None:
        self.store = store
        self.clock = clock
        self.instances: dict[str, Instance] = {}
        self.owner = new_id()
        """Lease owner of all work: the hub's lock makes this process the only one to run any."""
        self.timers = TimerQueue(clock, self._timer_due)
        self._on_ready = on_ready
        self._next_message = 1
        self._next_work = 1
        self._end_waiters: dict[str, list[asyncio.Future[None]]] = {}

    def resume(self) -> None:
        """Load what the file holds: timers into the queue, instances with messages into memory."""
        ((self._next_message,),) = self.store.query("SELECT coalesce(max(message_id), 0) + 1 FROM inbox")
        ((self._next_work,),) = self.store.query("SELECT coalesce(max(work_id), 0) + 1 FROM work")
        now = self.clock.now()
        for message_id, instance_id, due in self.store.query(
            "SELECT message_id, instance_id, visible_at FROM inbox WHERE visible_at > ?", (iso(now),)
        ):
            self.timers.add(parse_time(due), message_id, instance_id)
        for (instance_id,) in self.store.query(
            "SELECT DISTINCT instance_id FROM inbox WHERE visible_at IS NULL OR visible_at <= ?",
            (iso(now),),
        ):
            instance = self.find(instance_id)
            if instance is not None:
                self._on_ready(instance)

    def take_work_id(self) -> int:
        """A fresh work id."""
        self._next_work += 1
        return self._next_work - 1

    def find(self, instance_id: str) -> Instance | None:
        """The instance if it exists and has not ended; loads it from the file if need be."""
        instance = self.instances.get(instance_id)
        if instance is None:
            status = rows.read_status(self.store, instance_id)
            if status is None or status.is_final:
                return None
            instance = rows.read_instance(self.store, instance_id)
            if instance is None:
                return None
            self._load_messages(instance)
            self.instances[instance_id] = instance
        return None if instance.status.is_final else instance

    def _load_messages(self, instance: Instance) -> None:
        now = self.clock.now()
        for message, visible_at in rows.read_messages(self.store, instance.instance_id):
            if visible_at is not None and visible_at > now:
                instance.timers[message.message_id] = message
            else:
                self.timers.discard(message.message_id)
                instance.inbox.append(message)

    def status_of(self, instance_id: str) -> Status | None:
        """Newest status, committed or about to be."""
        instance = self.instances.get(instance_id)
        return instance.status if instance is not None else rows.read_status(self.store, instance_id)

    def create(
        self,
        *,
        instance_id: str,
        execution_id: str,
        name: str,
        version: str,
        input_text: str | None,
        parent: Parent | None = None,
    ) -> list[Statement]:
        """A new pending instance (the caller made sure the id is free or finished), ready to run."""
        now = self.clock.now()
        statements: list[Statement] = []
        former = self.instances.pop(instance_id, None)
        if former is not None:
            self.detach(former)
        if former is not None or rows.read_status(self.store, instance_id) is not None:
            statements += rows.delete_pending(instance_id)
        instance = Instance(
            instance_id=instance_id,
            execution_id=execution_id,
            name=name,
            version=version,
            status=Status.PENDING,
            input=input_text,
            created_at=now,
            parent=parent,
        )
        self.instances[instance_id] = instance
        started = execution_started(
            now,
            name=name,
            version=version,
            input_text=input_text,
            instance_id=instance_id,
            execution_id=execution_id,
            parent=None if parent is None else parent.as_json(),
        )
        return [*statements, rows.put_instance(instance), self.post(instance, started, execution_id)]

    def post(self, instance: Instance, event: Event, execution_id: str | None) -> Statement:
        """Give an instance a message now."""
        message = self._message(event, execution_id)
        instance.inbox.append(message)
        self._on_ready(instance)
        return rows.put_message(instance.instance_id, message)

    def post_later(self, instance: Instance, event: Event, when: datetime) -> Statement:
        """Give this execution a message at `when`."""
        message = self._message(event, instance.execution_id)
        instance.timers[message.message_id] = message
        self.timers.add(when, message.message_id, instance.instance_id)
        return rows.put_message(instance.instance_id, message, when)

    def send(self, instance_id: str, event: Event, execution_id: str | None) -> list[Statement]:
        """Give another instance a message; to one that has ended or moved on it is discarded."""
        instance = self.find(instance_id)
        if instance is None or execution_id not in (None, instance.execution_id):
            return []
        return [self.post(instance, event, execution_id)]

    def drop_timers(self, instance: Instance) -> None:
        """Stop waiting for an instance's timers (their rows go with the caller's statements)."""
        for message_id in instance.timers:
            self.timers.discard(message_id)
        instance.timers.clear()

    def detach(self, instance: Instance) -> None:
        """Take an instance out of play; a running episode of it comes to nothing."""
        instance.detached = True
        self.drop_timers(instance)
        instance.inbox.clear()
        if self.instances.get(instance.instance_id) is instance:
            del self.instances[instance.instance_id]

    def now_idle(self, instance: Instance) -> None:
        """It has nothing to do at present: unload it if many are loaded and its state is in the file."""
        if len(self.instances) > MOST_IDLE_INSTANCES:
            self.store.submit(Unit((), lambda: self._unload(instance)))

    def _unload(self, instance: Instance) -> None:
        if not instance.busy and not instance.inbox and self.instances.get(instance.instance_id) is instance:
            del self.instances[instance.instance_id]

    def ended(self, instance: Instance) -> None:
        """The end of an instance is durable: unload it and wake who waits for it."""
        if self.instances.get(instance.instance_id) is instance:
            del self.instances[instance.instance_id]
        for waiter in self._end_waiters.pop(instance.instance_id, ()):
            if not waiter.done():
                waiter.set_result(None)

    async def wait_for_end(self, instance_id: str, seconds: float) -> None:
        """Return when the instance's end is durable, or after so many seconds of real time."""
        if self.find(instance_id) is None and instance_id not in self.instances:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._end_waiters.setdefault(instance_id, []).append(waiter)
        try:
            await asyncio.wait([waiter], timeout=seconds)
        finally:
            waiting = self._end_waiters.get(instance_id)
            if waiting is not None and waiter in waiting:
                waiting.remove(waiter)
                if not waiting:
                    del self._end_waiters[instance_id]

    def _message(self, event: Event, execution_id: str | None) -> Message:
        self._next_message += 1
        return Message(self._next_message - 1, execution_id, event)

    def _timer_due(self, instance_id: str, message_id: int) -> None:
        instance = self.find(instance_id)
        if instance is None:
            return
        message = instance.timers.pop(message_id, None)
        if message is not None:
            instance.inbox.append(message)
        if instance.inbox:
            self._on_ready(instance)
