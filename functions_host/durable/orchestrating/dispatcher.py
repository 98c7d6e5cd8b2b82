"""Runs the turns of instances: takes their messages, calls the orchestrator, makes the outcome durable."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime

from functions_host.durable.catalog import FunctionCatalog, missing_function
from functions_host.durable.events import Event, EventType
from functions_host.durable.options import DurableOptions
from functions_host.durable.orchestrating.context import context_json
from functions_host.durable.orchestrating.recorder import EpisodeRecorder
from functions_host.durable.replay.actions import (
    ProtocolError,
    OrchestratorState,
    state_from_failure,
    parse_state,
)
from functions_host.durable.replay.episode import Episode, Rules, control, decide, failed, terminated
from functions_host.durable.status import Status
from functions_host.durable.storing import rows
from functions_host.durable.storing.task_hub import TaskHub
from functions_host.durable.storing.instance import Instance, Message, Work
from functions_host.durable.storing.store import Unit

log = logging.getLogger("functions_host.durable.orchestrating")

_CONTROLS = frozenset((EventType.EXECUTION_SUSPENDED, EventType.EXECUTION_RESUMED))


class OrchestrationDispatcher:
    """At most `max_concurrent_orchestrators` turns at a time, one per instance, first come first served."""

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
        self._outcomes = EpisodeRecorder(hub)
        self._start_work = start_work
        self._ready: deque[Instance] = deque()
        self._turns: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._pump_planned = False

    @property
    def is_idle(self) -> bool:
        """Whether no turn runs or waits."""
        return not self._ready and not self._turns

    def ready(self, instance: Instance) -> None:
        """The instance has messages: give it a turn."""
        if instance.busy:
            return
        instance.busy = True
        self._ready.append(instance)
        if not self._pump_planned:
            self._pump_planned = True
            asyncio.get_running_loop().call_soon(self._pump)

    def _pump(self) -> None:
        self._pump_planned = False
        while self._ready and len(self._turns) < self._options.max_concurrent_orchestrators:
            if self._stopping:
                return
            turn = asyncio.get_running_loop().create_task(self._turn(self._ready.popleft()))
            self._turns.add(turn)
            turn.add_done_callback(self._turn_over)

    def _turn_over(self, turn: asyncio.Task[None]) -> None:
        self._turns.discard(turn)
        if not turn.cancelled() and (error := turn.exception()) is not None:
            log.error("durable engine: a turn broke", exc_info=error)
        self._pump()

    async def stop(self, grace_seconds: float) -> None:
        """Start no more turns; wait for running ones, then drop them (their messages stay on file)."""
        self._stopping = True
        if self._turns:
            _, late = await asyncio.wait(self._turns, timeout=grace_seconds)
            for turn in late:
                turn.cancel()

    async def _turn(self, instance: Instance) -> None:
        try:
            messages = [] if instance.detached else instance.take_messages()
            if messages:
                await self._handle(instance, messages)
        finally:
            instance.busy = False
            if not instance.inbox:
                self._hub.rests(instance)
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
        kill = next((m for m in current if m.event.type == EventType.EXECUTION_TERMINATED), None)
        if kill is not None:
            opening = [m.event for m in current if m.event.type == EventType.EXECUTION_STARTED]
            episode = terminated(
                [Event(EventType.ORCHESTRATOR_STARTED, now), *opening, kill.event],
                now,
                kill.event.fields.get("Input"),
            )
            self._outcomes.record(instance, messages, episode, now)
            return
        position = next((i for i, m in enumerate(current) if m.event.type in _CONTROLS), len(current))
        if position == 0:
            self._suspend_or_resume(instance, current[0], stale, now)
            instance.inbox[:0] = current[1:]
        elif instance.suspended:
            # Hold everything but the switch, which goes first in the next turn.
            switch = [m for m in current if m.event.type in _CONTROLS]
            held = [m for m in current if m.event.type not in _CONTROLS]
            instance.inbox[:0] = [*switch, *held]
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
            works = self._outcomes.record(instance, consumed, episode, now)
            if works:
                self._outcomes.after_commit(lambda: self._start_work(works))

    async def _episode(self, instance: Instance, new: list[Event], now: datetime) -> Episode | None:
        """The decided episode; None when the host is stopping and the function was cut short."""
        try:
            answer = await self._ask(instance, new)
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
        return decide(instance.name, instance.events, new, answer, rules, now)

    async def _ask(self, instance: Instance, new: list[Event]) -> OrchestratorState:
        try:
            text = await self._catalog.invoke_orchestrator(instance.name, context_json(instance, new))
        except Exception as error:
            answer = state_from_failure(str(error))
            if answer is None:
                raise
            return answer
        return parse_state(text)

    def _now(self, instance: Instance) -> datetime:
        """The clock, but never before what the instance's history already says."""
        now = self._hub.clock.now()
        return max(now, instance.events[-1].timestamp) if instance.events else now
