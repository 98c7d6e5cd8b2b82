"""Dispatches orchestration work items: an instance's messages, one replay of its orchestrator, one episode recorded.

A work item (DurableTask's TaskOrchestrationWorkItem) is all messages an instance has when its turn comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime

from functions_host.durable.catalog import FunctionCatalog, missing_function
from functions_host.durable.events import Event, EventType, dumps, events_json
from functions_host.durable.options import DurableOptions
from functions_host.durable.orchestrating.recorder import EpisodeRecorder
from functions_host.durable.replay.actions import (
    OrchestratorState,
    ProtocolError,
    parse_state,
    state_from_failure,
)
from functions_host.durable.replay.episode import Episode, Rules, control, decide, failed, terminated
from functions_host.durable.status import Status
from functions_host.durable.storing import rows
from functions_host.durable.storing.instance import Instance, Message, Work
from functions_host.durable.storing.store import Unit
from functions_host.durable.storing.task_hub import TaskHub

_log = logging.getLogger("functions_host.durable.orchestrating")

_CONTROLS = frozenset((EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED))


class OrchestrationDispatcher:
    """At most `max_concurrent_orchestrators` work items at a time, one per instance, first come first served."""

    def __init__(
        self,
        catalog: FunctionCatalog,
        options: DurableOptions,
        hub: TaskHub,
        start_work: Callable[[list[Work]], None],
    ) -> None:
        self._catalog = catalog
        self._options = options
        self._hub = hub
        self._recorder = EpisodeRecorder(hub)
        self._start_work = start_work
        self._ready: deque[Instance] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._pump_planned = False

    @property
    def is_idle(self) -> bool:
        """Whether no work item runs or waits."""
        return not self._ready and not self._running

    def ready(self, instance: Instance) -> None:
        """The instance has messages: queue a work item for it."""
        if instance.busy:
            return
        instance.busy = True
        self._ready.append(instance)
        if not self._pump_planned:
            self._pump_planned = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._pump_planned = False
        while self._ready and len(self._running) < self._options.max_concurrent_orchestrators:
            if self._stopping:
                return
            task = asyncio.get_running_loop().create_task(self._work_item(self._ready.popleft()))
            self._running.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("durable engine: a turn broke", exc_info=error)
        self._pump()

    async def stop(self, grace_seconds: float) -> None:
        """Start no more; wait for running ones, then cancel them (their messages stay in the file)."""
        self._stopping = True
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=grace_seconds)
            for task in late:
                task.cancel()

    async def _work_item(self, instance: Instance) -> None:
        try:
            messages = [] if instance.detached else instance.take_messages()
            if messages:
                await self._handle(instance, messages)
        finally:
            instance.busy = False
            if not instance.inbox:
                self._hub.now_idle(instance)
            elif not instance.detached and not self._only_held(instance):
                self.ready(instance)

    @staticmethod
    def _only_held(instance: Instance) -> bool:
        """A suspended instance keeps its messages until somebody resumes or ends it."""
        return instance.suspended and not any(
            m.event.type in _CONTROLS or m.event.type == EventType.EXECUTION_TERMINATED
            for m in instance.inbox
        )

    async def _handle(self, instance: Instance, messages: list[Message]) -> None:
        stale = [m for m in messages if m.execution_id not in (None, instance.execution_id)]
        current = [m for m in messages if m.execution_id in (None, instance.execution_id)]
        if instance.status.is_final or not current:
            self._hub.store.submit(Unit(rows.delete_messages(m.message_id for m in messages)))
            return
        now = self._now(instance)
        termination = next((m for m in current if m.event.type == EventType.EXECUTION_TERMINATED), None)
        if termination is not None:
            opening = [m.event for m in current if m.event.type == EventType.EXECUTION_STARTED]
            episode = terminated(
                [Event(EventType.ORCHESTRATOR_STARTED, now), *opening, termination.event],
                now,
                termination.event.fields.get("Input"),
            )
            self._recorder.record(instance, messages, episode, now)
            return
        position = next((i for i, m in enumerate(current) if m.event.type in _CONTROLS), len(current))
        if position == 0:
            self._suspend_or_resume(instance, current[0], stale, now)
            instance.inbox[:0] = current[1:]
        elif instance.suspended:
            # Hold everything but suspend and resume, which go first in the next work item.
            controls = [m for m in current if m.event.type in _CONTROLS]
            held = [m for m in current if m.event.type not in _CONTROLS]
            instance.inbox[:0] = [*controls, *held]
        else:
            instance.inbox[:0] = current[position:]
            await self._replay(instance, [*stale, *current[:position]], current[:position], now)

    def _suspend_or_resume(
        self, instance: Instance, message: Message, stale: list[Message], now: datetime
    ) -> None:
        suspend = message.event.type == EventType.EXECUTION_SUSPENDED
        statements = rows.delete_messages(m.message_id for m in [*stale, message])
        if suspend != instance.suspended:
            number = instance.episodes
            text = instance.append_episode(control(message.event, now))
            instance.status = Status.SUSPENDED if suspend else Status.RUNNING
            statements += [rows.put_episode(instance, number, text), rows.update_instance(instance, now)]
        self._hub.store.submit(Unit(statements))

    async def _replay(
        self, instance: Instance, consumed: list[Message], messages: list[Message], now: datetime
    ) -> None:
        new = [Event(EventType.ORCHESTRATOR_STARTED, now), *[m.event for m in messages]]
        episode = await self._episode(instance, new, now)
        if instance.detached or (self._stopping and episode is None):
            return
        if episode is not None:
            works = self._recorder.record(instance, consumed, episode, now)
            if works:
                self._recorder.after_commit(lambda: self._start_work(works))

    async def _episode(self, instance: Instance, new: list[Event], now: datetime) -> Episode | None:
        """The decided episode; None when the host is stopping and cancelled the call."""
        try:
            state = await self._call_orchestrator(instance, new)
        except ProtocolError as error:
            return failed(instance.name, new, now, str(error))
        except Exception as error:  # noqa: BLE001 - whatever user code raised becomes the instance's failure
            if self._stopping:
                return None
            return failed(instance.name, new, now, str(error) or type(error).__name__)
        rules = Rules(
            max_actions=self._options.max_orchestration_actions,
            store_inputs=self._options.store_inputs_in_history,
            missing_function=lambda decision: missing_function(self._catalog, decision),
            execution_id=instance.execution_id,
        )
        return decide(instance.name, instance.events, new, state, rules, now)

    async def _call_orchestrator(self, instance: Instance, new: list[Event]) -> OrchestratorState:
        try:
            text = await self._catalog.invoke_orchestrator(instance.name, context_json(instance, new))
        except Exception as error:
            state = state_from_failure(str(error))
            if state is None:
                raise
            return state
        return parse_state(text)

    def _now(self, instance: Instance) -> datetime:
        """The clock's time, but never before the last event of the history."""
        now = self._hub.clock.now()
        return max(now, instance.events[-1].timestamp) if instance.events else now


_CONSTANTS = (
    '"upperSchemaVersion":1,"upperSchemaVersionNew":2,'
    '"longRunningTimerIntervalDuration":"3.00:00:00","maximumShortTimerDuration":"6.00:00:00",'
    '"defaultHttpAsyncRequestSleepTimeMillseconds":30000}'
)


def context_json(instance: Instance, new_events: Sequence[Event]) -> str:
    """What an orchestrator function is called with (contract B1): full history, the new episode last and not played."""
    history = ",".join([*instance.history_json, events_json(new_events, is_played=False)])
    parent = dumps(instance.parent.instance_id) if instance.parent is not None else "null"
    return (
        f'{{"history":[{history}],"input":{instance.input or "null"},'
        f'"instanceId":{dumps(instance.instance_id)},"isReplaying":{"true" if instance.events else "false"},'
        f'"parentInstanceId":{parent},{_CONSTANTS}'
    )
