"""The replay: an orchestrator's actions walked against its history, as in the real host (contract B4, B11). Pure.

The SDK numbers nothing; it relies on the host giving its calls the ids that a replay would.
Hence no static walk over the actions: the walk is itself replayed, event by event, retries
included, and what is left unscheduled at the end are this episode's decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from functions_host.durable.events import Event, EventType
from functions_host.durable.replay.actions import (
    Action,
    CallActivity,
    CallSubOrchestrator,
    ContinueAsNew,
    CreateTimer,
    RetryOptions,
    WaitForEvent,
    WhenAny,
)
from functions_host.durable.replay.tasks import Task, settled, when_all, when_any


class NonDeterministicError(Exception):
    """History holds a decision that the orchestrator no longer takes."""


@dataclass(frozen=True)
class Decision:
    """New work: `task_id` is its event id. Exactly one of `call`, `child`, `fire_at` is set."""

    task_id: int
    call: CallActivity | None = None
    child: CallSubOrchestrator | None = None
    fire_at: datetime | None = None
    retry_of: int | None = None
    """Id of the first attempt, for everything a retry loop schedules (rewind undoes it as a whole)."""

    @property
    def event_type(self) -> EventType:
        if self.call is not None:
            return EventType.TASK_SCHEDULED
        return EventType.TIMER_CREATED if self.child is None else EventType.SUB_ORCHESTRATION_CREATED

    @property
    def name(self) -> str | None:
        call = self.call or self.child
        return call.name if call is not None else None


@dataclass
class ReplayOutcome:
    """What the replay found: new decisions in id order and whether the walk has come to its end."""

    decisions: list[Decision]
    walked_to_end: bool
    open_tasks: int
    canceled_timers: set[int]
    continue_as_new: bool
    next_input: str | None
    carried_over: list[Event] = field(default_factory=list)
    """Events raised after continue-as-new was called and consumed by no wait: for the next execution."""
    next_id: int = 0


def replay(history: Iterable[Event], actions: Sequence[Action]) -> ReplayOutcome:
    """Replay `actions` against the full `history`; raises NonDeterministicError."""
    walk = _Walk(actions)
    for event in history:
        walk.process(event)
    return walk.outcome()


_COMPLETIONS = {
    int(EventType.TASK_COMPLETED): ("TaskScheduledId", True),
    int(EventType.SUB_ORCHESTRATION_COMPLETED): ("TaskScheduledId", True),
    int(EventType.TASK_FAILED): ("TaskScheduledId", False),
    int(EventType.SUB_ORCHESTRATION_FAILED): ("TaskScheduledId", False),
    int(EventType.TIMER_FIRED): ("TimerId", True),
}
_DECISIONS = frozenset(
    int(kind)
    for kind in (EventType.TASK_SCHEDULED, EventType.SUB_ORCHESTRATION_CREATED, EventType.TIMER_CREATED)
)


def _event_name(event: Event) -> str:
    return str(event.fields["Name"]).lower()


class _Walk:
    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = actions
        self._position = 0
        self._finished = False
        self._now: datetime | None = None
        self._next_id = 0
        self._pending: dict[int, Decision] = {}
        self._open: dict[int, Task] = {}
        self._canceled: set[int] = set()
        self._waiters: dict[str, list[Task]] = {}
        self._buffered: dict[str, int] = {}
        self._continue_as_new = False
        self._next_input: str | None = None
        self._waits: Counter[str] = Counter()
        self._raised: Counter[str] = Counter()
        self._carried: list[tuple[int, Event]] = []

    def outcome(self) -> ReplayOutcome:
        return ReplayOutcome(
            decisions=[self._pending[task_id] for task_id in sorted(self._pending)],
            walked_to_end=self._finished,
            open_tasks=len(self._open),
            canceled_timers=self._canceled,
            continue_as_new=self._continue_as_new,
            next_input=self._next_input,
            carried_over=[e for nth, e in self._carried if nth > self._waits[_event_name(e)]],
            next_id=self._next_id,
        )

    def process(self, event: Event) -> None:
        kind = int(event.type)
        if kind in _COMPLETIONS:
            key, ok = _COMPLETIONS[kind]
            task = self._open.pop(event.fields[key], None)
            if task is not None:  # an unknown id is a duplicate: ignored
                task.settle(ok)
        elif kind in _DECISIONS:
            self._confirm(event)
        elif kind == EventType.ORCHESTRATOR_STARTED:
            self._now = event.timestamp
        elif kind == EventType.EXECUTION_STARTED:
            self._walk_on(True)
        elif kind == EventType.EVENT_RAISED:
            self._raise(event)

    def _confirm(self, event: Event) -> None:
        decision = self._pending.pop(event.event_id, None)
        recorded = EventType(event.type)
        if decision is None:
            raise NonDeterministicError(
                f"Non-Deterministic workflow detected: history holds {recorded.name} with id {event.event_id} "
                f"for '{event.fields.get('Name')}', which the orchestrator did not schedule this time."
            )
        name = event.fields.get("Name")
        if decision.event_type != recorded or (
            decision.name is not None and name is not None and decision.name.lower() != str(name).lower()
        ):
            raise NonDeterministicError(
                f"Non-Deterministic workflow detected: history holds {recorded.name} with id {event.event_id} "
                f"for '{name}', the orchestrator now schedules {decision.event_type.name} '{decision.name}'."
            )

    def _raise(self, event: Event) -> None:
        name = _event_name(event)
        self._raised[name] += 1
        if self._continue_as_new:
            # A timer the orchestrator cancelled later ends its when_any at once in this replay, so the
            # walk may be here before the very event that made the orchestrator continue as new. What a
            # wait has consumed is not carried over, or the next execution would get it again, for ever.
            self._carried.append((self._raised[name], event))
            return
        waiting = self._waiters.get(name)
        if waiting:
            waiting.pop().settle(True)
        else:
            self._buffered[name] = self._buffered.get(name, 0) + 1

    def _walk_on(self, _: bool) -> None:
        while self._position < len(self._actions):
            task = self._invoke(self._actions[self._position])
            self._position += 1
            if task.ok is None:
                task.then(self._walk_on)
                return
        self._finished = True

    def _invoke(self, action: Action) -> Task:
        if isinstance(action, CallActivity | CallSubOrchestrator):
            return self._schedule(action) if action.retry is None else self._retrying(action, action.retry)
        if isinstance(action, CreateTimer):
            timer_id, task = self._timer(action.fire_at)
            if action.is_canceled:
                self._canceled.add(timer_id)
                del self._open[timer_id]
                task.settle(False)
            return task
        if isinstance(action, WaitForEvent):
            return self._wait_for(action.name.lower())
        if isinstance(action, ContinueAsNew):
            self._continue_as_new = True
            self._next_input = action.input
            return settled()
        children = [self._invoke(child) for child in action.children]
        return when_any(children) if isinstance(action, WhenAny) else when_all(children)

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _schedule(self, action: CallActivity | CallSubOrchestrator, retry_of: int | None = None) -> Task:
        task_id = self._take_id()
        if isinstance(action, CallActivity):
            self._pending[task_id] = Decision(task_id, call=action, retry_of=retry_of)
        else:
            self._pending[task_id] = Decision(task_id, child=action, retry_of=retry_of)
        task = self._open[task_id] = Task()
        return task

    def _timer(self, fire_at: datetime, retry_of: int | None = None) -> tuple[int, Task]:
        timer_id = self._take_id()
        self._pending[timer_id] = Decision(timer_id, fire_at=fire_at, retry_of=retry_of)
        task = self._open[timer_id] = Task()
        return timer_id, task

    def _wait_for(self, name: str) -> Task:
        self._waits[name] += 1
        if self._buffered.get(name):
            self._buffered[name] -= 1
            return settled()
        task = Task()
        self._waiters.setdefault(name, []).append(task)
        return task

    def _retrying(self, action: CallActivity | CallSubOrchestrator, retry: RetryOptions) -> Task:
        whole = Task()
        first_id = self._next_id

        def attempt(number: int) -> None:
            def tried(ok: bool) -> None:
                if ok:
                    whole.settle(True)
                    return
                if self._now is None:
                    raise NonDeterministicError("history does not begin with OrchestratorStarted")
                if number >= retry.max_attempts:
                    # The real host schedules one more, zero-length timer here and the SDK waits for it.
                    _, dummy = self._timer(self._now, first_id)
                    dummy.then(lambda _: whole.settle(False))
                    return
                pause = timedelta(milliseconds=retry.delay_ms(number))
                if not pause:
                    whole.settle(False)
                    return
                _, timer = self._timer(self._now + pause, first_id)
                timer.then(lambda _: attempt(number + 1))

            self._schedule(action, first_id).then(tried)

        attempt(1)
        return whole
