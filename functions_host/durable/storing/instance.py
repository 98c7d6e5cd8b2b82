"""A live orchestration instance in memory: what the next episode needs, nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from functions_host.durable.events import Event, events_json
from functions_host.durable.status import Status


class Message(NamedTuple):
    """An event on its way into a history. Without `execution_id` it is for whatever execution is current."""

    message_id: int
    execution_id: str | None
    event: Event


class Parent(NamedTuple):
    """The call that started a sub-orchestration and waits for it."""

    instance_id: str
    execution_id: str
    task_id: int
    name: str

    def as_json(self) -> Mapping[str, Any]:
        """`ParentInstance` of ExecutionStarted."""
        return {
            "Name": self.name,
            "TaskScheduleId": self.task_id,
            "OrchestrationInstance": {"InstanceId": self.instance_id, "ExecutionId": self.execution_id},
        }

    @classmethod
    def from_text(cls, text: str | None) -> Parent | None:
        """Read the `parent` column."""
        return None if text is None else cls(*json.loads(text))


class Work(NamedTuple):
    """One activity call to be run."""

    work_id: int
    instance_id: str
    execution_id: str
    task_id: int
    name: str
    input: str


@dataclass(eq=False)
class Instance:
    """One instance between episodes. `history_json` and `events` are the same history, twice:
    as the text the SDK reads and as the objects the replay reads, so that neither is rebuilt.
    """

    instance_id: str
    execution_id: str
    name: str
    version: str
    status: Status
    input: str | None
    created_at: datetime
    parent: Parent | None = None
    custom_status: str | None = None
    episodes: int = 0
    history_json: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    inbox: list[Message] = field(default_factory=list)
    timers: dict[int, Message] = field(default_factory=dict)
    """Messages not yet due, by message id."""
    busy: bool = False
    """An episode of it runs or is queued; at most one at a time."""
    detached: bool = False
    """Replaced or purged while an episode ran: its outcome is void."""

    @property
    def suspended(self) -> bool:
        return self.status is Status.SUSPENDED

    def take_messages(self) -> list[Message]:
        """Empty the inbox."""
        messages, self.inbox = self.inbox, []
        return messages

    def append_episode(self, events: list[Event]) -> str:
        """Make an episode part of the past; returns its text as stored."""
        text = events_json(events, is_played=True)
        self.history_json.append(text)
        self.events.extend(events)
        self.episodes += 1
        return text

    def start_over(self, execution_id: str, input_text: str | None, at: datetime) -> None:
        """Continue as new: same id, fresh history."""
        self.execution_id = execution_id
        self.input = input_text
        self.created_at = at
        self.status = Status.RUNNING
        self.episodes = 0
        self.history_json, self.events, self.timers = [], [], {}
