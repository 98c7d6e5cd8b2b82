"""How an instance looks to clients: the status body and the rewritten history of contract B7. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from functions_host.durable.events import EventType
from functions_host.durable.status import Status
from functions_host.durable.storing.queries import Snapshot

_NAMES = {int(kind): "".join(part.capitalize() for part in kind.name.split("_")) for kind in EventType} | {
    int(EventType.SUB_ORCHESTRATION_CREATED): "SubOrchestrationInstanceCreated",
    int(EventType.SUB_ORCHESTRATION_COMPLETED): "SubOrchestrationInstanceCompleted",
    int(EventType.SUB_ORCHESTRATION_FAILED): "SubOrchestrationInstanceFailed",
    int(EventType.GENERIC): "GenericEvent",
}
_CALLS = (EventType.TASK_SCHEDULED, EventType.SUB_ORCHESTRATION_CREATED)
_ANSWERS = (
    EventType.TASK_COMPLETED,
    EventType.TASK_FAILED,
    EventType.SUB_ORCHESTRATION_COMPLETED,
    EventType.SUB_ORCHESTRATION_FAILED,
)
_WITH_RESULT = (
    EventType.TASK_COMPLETED,
    EventType.SUB_ORCHESTRATION_COMPLETED,
    EventType.EXECUTION_COMPLETED,
)
_DROPPED = {
    int(EventType.EXECUTION_STARTED): ("OrchestrationInstance", "ParentInstance", "Version", "Tags"),
    int(EventType.TIMER_FIRED): ("TimerId",),
}


def status_body(
    snapshot: Snapshot, *, show_input: bool = True, history: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """`name, instanceId, runtimeStatus, input, customStatus, output, createdTime, lastUpdatedTime`."""
    body: dict[str, Any] = {
        "name": snapshot.name,
        "instanceId": snapshot.instance_id,
        "runtimeStatus": snapshot.status.label,
        "input": parsed(snapshot.input) if show_input else None,
        "customStatus": parsed(snapshot.custom_status),
        "output": parsed(snapshot.output),
        "createdTime": _seconds(snapshot.created_at),
        "lastUpdatedTime": _seconds(snapshot.updated_at),
    }
    if history is not None:
        body["historyEvents"] = history
    return body


def parsed(text: str | None) -> Any:
    """JSON where it is JSON, else the text itself (a terminate reason, a failure message)."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def history_rows(
    events: Sequence[Mapping[str, Any]], *, show_output: bool, show_input: bool
) -> list[dict[str, Any]]:
    """The history as the status query shows it: answers carry their call's name and time."""
    calls: dict[int, Mapping[str, Any]] = {}
    answered: set[int] = set()
    for event in events:
        if event["EventType"] in _CALLS:
            calls[event["EventId"]] = event
        elif event["EventType"] in _ANSWERS:
            answered.add(event["TaskScheduledId"])
    return [
        _row(event, calls, show_output=show_output, show_input=show_input)
        for event in events
        if event["EventType"] not in (EventType.ORCHESTRATOR_STARTED, EventType.ORCHESTRATOR_COMPLETED)
        and not (event["EventType"] in _CALLS and event["EventId"] in answered)
    ]


def _row(
    event: Mapping[str, Any],
    calls: Mapping[int, Mapping[str, Any]],
    *,
    show_output: bool,
    show_input: bool,
) -> dict[str, Any]:
    kind = event["EventType"]
    dropped = {"EventId", "IsPlayed", "RetryOf", *_DROPPED.get(kind, ())}
    row = {key: value for key, value in event.items() if key not in dropped}
    row["EventType"] = _NAMES[kind]
    if kind == EventType.EXECUTION_STARTED:
        row["FunctionName"] = row.pop("Name")
    elif kind in _CALLS:
        row.pop("Version", None)
    elif kind in _ANSWERS:
        call = calls.get(row.pop("TaskScheduledId"))
        if call is not None:
            row |= {"ScheduledTime": call["Timestamp"], "FunctionName": call["Name"], "Input": call["Input"]}
    elif kind == EventType.EXECUTION_COMPLETED:
        row["OrchestrationStatus"] = Status(row["OrchestrationStatus"]).label
    if kind in _WITH_RESULT:
        if show_output:
            row["Result"] = parsed(row["Result"])
        else:
            del row["Result"]
    if not show_input:
        row.pop("Input", None)
    return row


def _seconds(moment: str) -> str:
    """`yyyy-MM-ddTHH:mm:ssZ`."""
    return f"{moment[:19]}Z"
