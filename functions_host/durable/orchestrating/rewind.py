"""Rewind: a Failed instance's history without its failures, so that the failed work runs again.

As in the real host, every failed call is undone, also one whose failure the orchestrator had caught.
A retried call is undone as a whole (attempts and pauses, which carry `RetryOf`), and only if its last
attempt failed; a failed sub-orchestration is rewound too.
"""

from __future__ import annotations

from collections.abc import Sequence

from functions_host.durable.events import Event, EventType
from functions_host.durable.status import Status
from functions_host.durable.storing import rows
from functions_host.durable.storing.instance import Instance
from functions_host.durable.storing.store import Statement
from functions_host.durable.storing.task_hub import TaskHub

_FAILURES = (EventType.TASK_FAILED, EventType.SUB_ORCHESTRATION_FAILED)
_SUCCESSES = (EventType.TASK_COMPLETED, EventType.SUB_ORCHESTRATION_COMPLETED)
_CALLS = (EventType.TASK_SCHEDULED, EventType.SUB_ORCHESTRATION_CREATED, EventType.TIMER_CREATED)


def rewind_statements(hub: TaskHub, instance_id: str, reason: str | None) -> list[Statement]:
    """Bring a failed instance (and its failed children) back to life in memory; the same as statements."""
    if hub.status_of(instance_id) is not Status.FAILED:
        return []
    instance = rows.read_instance(hub.store, instance_id)
    if instance is None:
        return []
    statements: list[Statement] = []
    kept, revived = undo_failures(instance.events)
    for child_id, call in revived:
        child = rewind_statements(hub, child_id, reason)
        if child:
            kept.insert(_place(kept, call), call)
            statements += child
    return [*_revive(hub, instance, kept, reason), *statements]


def undo_failures(events: Sequence[Event]) -> tuple[list[Event], list[tuple[str, Event]]]:
    """The history that remains, and the plain sub-orchestration calls that failed (child id, event)."""
    group = {e.event_id: e.fields.get("RetryOf", e.event_id) for e in events if e.type in _CALLS}
    succeeded = {group.get(e.fields["TaskScheduledId"]) for e in events if e.type in _SUCCESSES}
    failed = {group.get(e.fields["TaskScheduledId"]) for e in events if e.type in _FAILURES} - succeeded
    children = [
        (e.fields["InstanceId"], e)
        for e in events
        if e.type == EventType.SUB_ORCHESTRATION_CREATED
        and e.event_id in failed
        and "RetryOf" not in e.fields
    ]
    return [event for event in events if not _undone(event, group, failed)], children


def _undone(event: Event, group: dict[int, int], failed: set[int | None]) -> bool:
    if event.type == EventType.EXECUTION_COMPLETED:
        return True
    if event.type in _CALLS:
        return group[event.event_id] in failed
    answered = event.fields.get("TaskScheduledId", event.fields.get("TimerId"))
    return answered is not None and group.get(answered) in failed


def _place(events: Sequence[Event], call: Event) -> int:
    """Where a kept call belongs: before the first event that is later than it."""
    return next(
        (
            index
            for index, event in enumerate(events)
            if event.timestamp > call.timestamp or (event.type in _CALLS and event.event_id > call.event_id)
        ),
        len(events),
    )


def _revive(hub: TaskHub, instance: Instance, kept: list[Event], reason: str | None) -> list[Statement]:
    now = hub.clock.now()
    instance.status = Status.RUNNING
    instance.history_json, instance.events, instance.episodes = [], [], 0
    text = instance.append_episode(kept)
    hub.instances[instance.instance_id] = instance
    return [
        *rows.delete_pending(instance.instance_id),
        rows.put_episode(instance, 0, text),
        rows.update_instance(instance, now),
        hub.post(
            instance,
            Event(EventType.GENERIC, now, -1, {"Data": f"Rewound: {reason or ''}"}),
            instance.execution_id,
        ),
    ]
