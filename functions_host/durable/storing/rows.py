"""SQL of the hub's tables: each function gives the statement for one change, or reads one thing."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

from functions_host.durable.events import event_from_json, iso, parse_time
from functions_host.durable.status import FINAL_STATUSES, Status
from functions_host.durable.storing.instance import Instance, Message, Parent, Work
from functions_host.durable.storing.store import Statement, Store


def put_instance(instance: Instance) -> Statement:
    """A new instance, or a new life of a finished one."""
    return (
        "INSERT OR REPLACE INTO instance(instance_id, execution_id, name, version, status, input, output,"
        " custom_status, created_at, updated_at, parent) VALUES (?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?)",
        (
            instance.instance_id,
            instance.execution_id,
            instance.name,
            instance.version,
            int(instance.status),
            instance.input,
            instance.custom_status,
            iso(instance.created_at),
            iso(instance.created_at),
            None if instance.parent is None else json.dumps(instance.parent),
        ),
    )


def update_instance(instance: Instance, at: datetime, output: str | None = None) -> Statement:
    """Status, custom status and output after an episode."""
    return (
        "UPDATE instance SET status = ?, custom_status = ?, output = ?, updated_at = ? WHERE instance_id = ?",
        (int(instance.status), instance.custom_status, _storable(output), iso(at), instance.instance_id),
    )


def put_episode(instance: Instance, episode: int, events: str) -> Statement:
    """One more row of history."""
    return ("INSERT INTO history VALUES (?, ?, ?)", (instance.instance_id, episode, events))


def put_message(instance_id: str, message: Message, visible_at: datetime | None = None) -> Statement:
    """A message, visible at once or later."""
    return (
        "INSERT INTO inbox VALUES (?, ?, ?, ?, ?)",
        (
            message.message_id,
            instance_id,
            message.execution_id,
            message.event.json(is_played=False),
            None if visible_at is None else iso(visible_at),
        ),
    )


def delete_messages(message_ids: Iterable[int]) -> list[Statement]:
    """Messages that became history, or were cancelled."""
    return [("DELETE FROM inbox WHERE message_id = ?", (message_id,)) for message_id in message_ids]


def put_work(work: Work, owner: str) -> Statement:
    """An activity call to be run, leased to the host process that scheduled it."""
    return (
        "INSERT INTO work(work_id, instance_id, execution_id, task_id, name, input, lease_owner)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*work, owner),
    )


def note_lease(work_id: int, at: datetime) -> Statement:
    """Its activity begins now."""
    return ("UPDATE work SET leased_at = ? WHERE work_id = ?", (iso(at), work_id))


def lease_all_work(owner: str) -> Statement:
    """Take over what an earlier host process left unfinished."""
    return ("UPDATE work SET lease_owner = ?", (owner,))


def delete_work(work_id: int) -> Statement:
    """The call was answered, or is no longer wanted."""
    return ("DELETE FROM work WHERE work_id = ?", (work_id,))


def delete_pending(instance_id: str) -> list[Statement]:
    """An instance's messages, work and history; its own row stays."""
    return [
        ("DELETE FROM inbox WHERE instance_id = ?", (instance_id,)),
        ("DELETE FROM work WHERE instance_id = ?", (instance_id,)),
        ("DELETE FROM history WHERE instance_id = ?", (instance_id,)),
    ]


def delete_work_of(instance_id: str) -> Statement:
    """An instance's activity calls, whose results nobody waits for."""
    return ("DELETE FROM work WHERE instance_id = ?", (instance_id,))


def purge(instance_id: str) -> list[Statement]:
    """The instance and all that belongs to it."""
    return [
        *delete_pending(instance_id),
        ("DELETE FROM instance WHERE instance_id = ?", (instance_id,)),
    ]


def read_instance(store: Store, instance_id: str, *, with_history: bool = True) -> Instance | None:
    """An instance as last committed, with its history but without its messages."""
    rows = store.query(
        "SELECT execution_id, name, version, status, input, custom_status, created_at, parent"
        " FROM instance WHERE instance_id = ?",
        (instance_id,),
    )
    if not rows:
        return None
    execution_id, name, version, status, input_text, custom_status, created_at, parent = rows[0]
    instance = Instance(
        instance_id=instance_id,
        execution_id=execution_id,
        name=name,
        version=version,
        status=Status(status),
        input=input_text,
        created_at=parse_time(created_at),
        parent=Parent.from_text(parent),
        custom_status=custom_status,
    )
    if with_history:
        for (text,) in store.query(
            "SELECT events FROM history WHERE instance_id = ? ORDER BY episode", (instance_id,)
        ):
            instance.history_json.append(text)
            instance.events.extend(event_from_json(raw) for raw in json.loads(f"[{text}]"))
            instance.episodes += 1
    return instance


def read_messages(store: Store, instance_id: str) -> list[tuple[Message, datetime | None]]:
    """An instance's messages in the order they were sent, with the time they become visible."""
    return [
        (
            Message(message_id, execution_id, event_from_json(json.loads(event))),
            None if visible_at is None else parse_time(visible_at),
        )
        for message_id, execution_id, event, visible_at in store.query(
            "SELECT message_id, execution_id, event, visible_at FROM inbox"
            " WHERE instance_id = ? ORDER BY message_id",
            (instance_id,),
        )
    ]


def read_work(store: Store) -> list[tuple[Work, datetime | None]]:
    """All unanswered activity calls, oldest first, with the time a host noted that it began one."""
    return [
        (Work(*row), None if leased_at is None else parse_time(leased_at))
        for *row, leased_at in store.query(
            "SELECT work_id, instance_id, execution_id, task_id, name, input, leased_at FROM work ORDER BY work_id"
        )
    ]


def read_status(store: Store, instance_id: str) -> Status | None:
    """The committed status of an instance."""
    rows = store.query("SELECT status FROM instance WHERE instance_id = ?", (instance_id,))
    return Status(rows[0][0]) if rows else None


FINAL_SQL = f"({', '.join(str(status) for status in FINAL_STATUSES)})"


def _storable(text: str | None) -> str | None:
    """Text without lone surrogates (a user's message may hold some), which no UTF-8 file can keep."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()
