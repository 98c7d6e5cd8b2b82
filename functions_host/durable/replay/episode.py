"""Decide one episode: the orchestrator's state against history gives new events and new work. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from functions_host.durable.events import Event, EventType, dumps, iso
from functions_host.durable.replay.actions import OrchestratorState
from functions_host.durable.replay.replay import Decision, NonDeterministicError, ReplayOutcome, replay
from functions_host.durable.status import Status

CUSTOM_STATUS_LIMIT_BYTES = 16 * 1024


@dataclass
class Episode:
    """What is to be made durable: `events` complete the episode, `decisions` are the work to start."""

    events: list[Event]
    decisions: list[Decision] = field(default_factory=list)
    canceled_timers: set[int] = field(default_factory=set)
    custom_status: str | None = None
    final: Status | None = None
    output: str | None = None
    """Output JSON text, or the plain failure message."""
    continue_as_new: bool = False
    next_input: str | None = None
    carried_over: list[Event] = field(default_factory=list)


@dataclass(frozen=True)
class Rules:
    """What of the hub's options and of the app an episode is judged by."""

    max_actions: int
    store_inputs: bool
    missing_function: Callable[[Decision], str | None]
    """A message when the decision names a function the app does not have."""
    execution_id: str
    """Of the deciding execution: children without an id of their own are named after it."""


def decide(
    name: str,
    past: Sequence[Event],
    new: list[Event],
    state: OrchestratorState,
    rules: Rules,
    now: datetime,
) -> Episode:
    """Close the episode that `new` (OrchestratorStarted first) opened."""
    if state.custom_status is not None and _utf16_bytes(state.custom_status) > CUSTOM_STATUS_LIMIT_BYTES:
        return failed(
            name,
            new,
            now,
            "The size of the JSON-serialized payload must not exceed 16 KB of UTF-16 text.",
        )
    if len(state.actions) > rules.max_actions:
        return failed(
            name,
            new,
            now,
            f"Maximum amount of orchestration actions ({rules.max_actions:,}) has been reached. "
            "This value can be configured in host.json file as MaxOrchestrationActions.",
        )
    try:
        outcome = replay([*past, *new], state.actions)
    except NonDeterministicError as error:
        return failed(name, new, now, str(error), state.custom_status)
    for decision in outcome.decisions:
        if missing := rules.missing_function(decision):
            return failed(name, new, now, missing, state.custom_status)
    return _close(name, new, state, outcome, rules, now)


def failed(
    name: str, new: list[Event], now: datetime, reason: str, custom_status: str | None = None
) -> Episode:
    """An episode that ends the instance as Failed, whatever is still open."""
    message = f"Orchestrator function '{name}' failed: {reason}"
    return Episode(
        [*new, _completed(-1, now, Status.FAILED, message), _end(now)],
        custom_status=custom_status,
        final=Status.FAILED,
        output=message,
    )


def _close(
    name: str,
    new: list[Event],
    state: OrchestratorState,
    outcome: ReplayOutcome,
    rules: Rules,
    now: datetime,
) -> Episode:
    episode = Episode(
        [*new, *[scheduled(decision, now, rules) for decision in outcome.decisions]],
        decisions=outcome.decisions,
        canceled_timers=outcome.canceled_timers,
        custom_status=state.custom_status,
    )
    over = outcome.walked_to_end and not outcome.open_tasks and (state.is_done or state.error is not None)
    if over and state.error is not None:
        episode.final = Status.FAILED
        episode.output = f"Orchestrator function '{name}' failed: {state.error}"
    elif over and outcome.continue_as_new:
        episode.continue_as_new = True
        episode.next_input = outcome.next_input
        episode.carried_over = outcome.carried_over
    elif over:
        episode.final = Status.COMPLETED
        episode.output = state.output
    if episode.final is not None:
        episode.events.append(_completed(outcome.next_id, now, episode.final, episode.output))
    elif episode.continue_as_new:
        episode.events.append(Event(EventType.CONTINUE_AS_NEW, now, outcome.next_id))
    episode.events.append(_end(now))
    return episode


def child_instance_id(decision: Decision, execution_id: str) -> str:
    """The id the app gave the sub-orchestration, or the same one at every replay."""
    given = decision.child.instance_id if decision.child is not None else None
    return given or f"{execution_id}:{decision.task_id}"


def scheduled(decision: Decision, now: datetime, rules: Rules) -> Event:
    """The history event of a decision."""
    fields: dict[str, Any] = {}
    if decision.fire_at is not None:
        fields["FireAt"] = iso(decision.fire_at)
    elif decision.child is not None:
        child_id = child_instance_id(decision, rules.execution_id)
        fields = {"Name": decision.child.name, "InstanceId": child_id, "Input": None}
        if rules.store_inputs:
            fields["Input"] = dumps(decision.child.input)
    elif decision.call is not None:
        fields = {"Name": decision.call.name, "Version": "", "Input": None}
        if rules.store_inputs:
            fields["Input"] = dumps([decision.call.input])
    if decision.retry_of is not None:
        fields["RetryOf"] = decision.retry_of
    return Event(decision.event_type, now, decision.task_id, fields)


def terminated(new: list[Event], now: datetime, reason: str | None) -> Episode:
    """The episode of an ExecutionTerminated event: no user code runs in it."""
    return Episode(
        [*new, _completed(-1, now, Status.TERMINATED, reason), _end(now)],
        final=Status.TERMINATED,
        output=reason,
    )


def control(event: Event, now: datetime) -> list[Event]:
    """The history of a suspension or resumption: an episode without user code."""
    return [Event(EventType.ORCHESTRATOR_STARTED, now), event, _end(now)]


def _completed(event_id: int, now: datetime, status: Status, result: str | None) -> Event:
    return Event(
        EventType.EXECUTION_COMPLETED, now, event_id, {"OrchestrationStatus": int(status), "Result": result}
    )


def _end(now: datetime) -> Event:
    return Event(EventType.ORCHESTRATOR_COMPLETED, now)


def _utf16_bytes(text: str) -> int:
    """Size as .NET counts it, where only what JSON demands is escaped."""
    if len(text) * 2 <= CUSTOM_STATUS_LIMIT_BYTES:
        return len(text) * 2
    readable = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    return len(readable.encode("utf-16-le", "surrogatepass"))
