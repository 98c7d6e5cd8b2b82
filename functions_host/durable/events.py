"""History events (contract B2): their types, their JSON, their times, and new ids in order of time."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any


class EventType(IntEnum):
    """Numbers of DurableTask.Core's EventType that this engine writes."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    SUB_ORCHESTRATION_CREATED = 7
    SUB_ORCHESTRATION_COMPLETED = 8
    SUB_ORCHESTRATION_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_RAISED = 15
    CONTINUE_AS_NEW = 16
    GENERIC = 17
    EXECUTION_SUSPENDED = 19
    EXECUTION_RESUMED = 20
    EXECUTION_REWOUND = 21


class Event:
    """One history event: type, id (-1 when it answers another event), time, and its own fields."""

    __slots__ = ("_tail", "event_id", "fields", "timestamp", "type")

    def __init__(
        self, kind: int, timestamp: datetime, event_id: int = -1, fields: Mapping[str, Any] | None = None
    ) -> None:
        self.type = kind
        self.event_id = event_id
        self.timestamp = timestamp
        self.fields: Mapping[str, Any] = fields or {}
        self._tail: str | None = None

    def json(self, is_played: bool) -> str:
        """The event as the SDK wants it; `IsPlayed` is true for every earlier episode."""
        if self._tail is None:  # written up to three times: message, new event, history
            own = f",{dumps(self.fields)[1:]}" if self.fields else "}"
            self._tail = (
                f',"EventType":{int(self.type)},"EventId":{self.event_id},'
                f'"Timestamp":"{iso(self.timestamp)}"{own}'
            )
        return ('{"IsPlayed":true' if is_played else '{"IsPlayed":false') + self._tail

    def __repr__(self) -> str:
        return f"{EventType(self.type).name}#{self.event_id}{dict(self.fields)}"


def dumps(value: Any) -> str:
    """Compact JSON in ASCII: whatever a user's text holds, lone surrogates included, can be stored."""
    return _encode(value)


_encode = json.JSONEncoder(separators=(",", ":")).encode


def iso(moment: datetime) -> str:
    """`2026-01-01T00:00:00.0000000Z`: .NET's seven digits."""
    return moment.isoformat(timespec="microseconds")[:26] + "0Z"


def parse_time(text: str) -> datetime:
    """An ISO-8601 time as aware UTC; more than six fractional digits are cut; raises ValueError."""
    moment = datetime.fromisoformat(text.strip())
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is before the first or after the last year") from error


def event_from_json(raw: Mapping[str, Any]) -> Event:
    """Read one stored event back."""
    own = {key: value for key, value in raw.items() if key not in _COMMON}
    return Event(raw["EventType"], parse_time(raw["Timestamp"]), raw["EventId"], own)


_COMMON = frozenset({"EventType", "EventId", "IsPlayed", "Timestamp"})


def events_json(events: Iterable[Event], *, is_played: bool) -> str:
    """Several events joined by commas, without the brackets."""
    return ",".join([event.json(is_played) for event in events])


def execution_started(
    at: datetime,
    *,
    name: str,
    version: str,
    input_text: str | None,
    instance_id: str,
    execution_id: str,
    parent: Mapping[str, Any] | None = None,
) -> Event:
    """First event of an execution; the SDK needs `Version` to be there."""
    return Event(
        EventType.EXECUTION_STARTED,
        at,
        -1,
        {
            "Name": name,
            "Version": version,
            "Input": input_text,
            "Tags": None,
            "ParentInstance": parent,
            "OrchestrationInstance": {"InstanceId": instance_id, "ExecutionId": execution_id},
        },
    )


_random = random.Random(os.urandom(32))  # noqa: S311 - ids are names, not secrets; keys guard the API


def new_id() -> str:
    """32 hex digits: the time, then chance. New ids follow old ones in every index, so writes stay together.

    Made without a system call, which would give the interpreter lock away.
    """
    return f"{time.time_ns() // 1_000_000:012x}{_random.getrandbits(80):020x}"
