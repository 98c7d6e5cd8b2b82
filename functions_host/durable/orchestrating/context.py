"""What an orchestrator function is called with: the context JSON of contract B1."""

from __future__ import annotations

from collections.abc import Sequence

from functions_host.durable.events import Event, dumps, events_json
from functions_host.durable.storing.instance import Instance

_CONSTANTS = (
    '"upperSchemaVersion":1,"upperSchemaVersionNew":2,'
    '"longRunningTimerIntervalDuration":"3.00:00:00","maximumShortTimerDuration":"6.00:00:00",'
    '"defaultHttpAsyncRequestSleepTimeMillseconds":30000}'
)


def context_json(instance: Instance, new_events: Sequence[Event]) -> str:
    """Full history, the new episode last and marked as not played."""
    history = ",".join([*instance.history_json, events_json(new_events, is_played=False)])
    parent = dumps(instance.parent.instance_id) if instance.parent is not None else "null"
    return (
        f'{{"history":[{history}],"input":{instance.input or "null"},'
        f'"instanceId":{dumps(instance.instance_id)},"isReplaying":{"true" if instance.events else "false"},'
        f'"parentInstanceId":{parent},{_CONSTANTS}'
    )
