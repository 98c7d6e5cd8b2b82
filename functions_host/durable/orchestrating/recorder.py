"""Records a decided episode: one unit of history, new work, messages to other instances and the status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from functions_host.durable.events import Event, EventType, dumps, execution_started, iso, new_id
from functions_host.durable.replay.actions import CallSubOrchestrator
from functions_host.durable.replay.episode import Episode, child_instance_id
from functions_host.durable.replay.replay import Decision
from functions_host.durable.status import Status
from functions_host.durable.storing import rows
from functions_host.durable.storing.instance import Instance, Message, Parent, Work
from functions_host.durable.storing.store import Statement, Unit
from functions_host.durable.storing.task_hub import TaskHub


class EpisodeRecorder:
    """Applies episodes to the task hub. No transaction is open while user code runs."""

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub

    def after_commit(self, action: Callable[[], None]) -> None:
        """Call back once everything recorded so far is durable."""
        self._hub.store.submit(Unit((), action))

    def record(
        self, instance: Instance, consumed: Sequence[Message], episode: Episode, now: datetime
    ) -> list[Work]:
        """Apply the episode in memory and submit it; the works may start once it is durable."""
        statements = rows.delete_messages(message.message_id for message in consumed)
        if episode.custom_status is not None:
            instance.custom_status = episode.custom_status
        if episode.continue_as_new:
            statements += self._continue_as_new(instance, episode, now)
            self._hub.store.submit(Unit(statements))
            return []
        number = instance.episodes
        statements.append(rows.put_episode(instance, number, instance.append_episode(episode.events)))
        if episode.final is not None:
            self._finish(instance, episode, now, statements)
            return []
        instance.status = Status.RUNNING
        works = self._start(instance, episode, statements)
        statements += self._cancel(instance, episode.canceled_timers)
        statements.append(rows.update_instance(instance, now))
        self._hub.store.submit(Unit(statements))
        return works

    def _start(self, instance: Instance, episode: Episode, statements: list[Statement]) -> list[Work]:
        works: list[Work] = []
        for decision in episode.decisions:
            if decision.call is not None:
                work = Work(
                    self._hub.take_work_id(),
                    instance.instance_id,
                    instance.execution_id,
                    decision.task_id,
                    decision.call.name,
                    "null" if decision.call.input is None else decision.call.input,
                )
                works.append(work)
                statements.append(rows.put_work(work, self._hub.owner))
            elif decision.fire_at is not None:
                if decision.task_id not in episode.canceled_timers:
                    fired = Event(
                        EventType.TIMER_FIRED,
                        decision.fire_at,
                        -1,
                        {"TimerId": decision.task_id, "FireAt": iso(decision.fire_at)},
                    )
                    statements.append(self._hub.post_later(instance, fired, decision.fire_at))
            elif decision.child is not None:
                statements += self._start_child(instance, decision, decision.child)
        return works

    def _start_child(
        self, parent: Instance, decision: Decision, child: CallSubOrchestrator
    ) -> list[Statement]:
        child_id = child_instance_id(decision, parent.execution_id)
        status = self._hub.status_of(child_id)
        if status is not None and not status.is_final:
            refused = Event(
                EventType.SUB_ORCHESTRATION_FAILED,
                self._hub.clock.now(),
                -1,
                {
                    "TaskScheduledId": decision.task_id,
                    "Reason": f"An Orchestration instance with the status {status.label} already exists.",
                    "Details": None,
                },
            )
            return [self._hub.post(parent, refused, parent.execution_id)]
        return self._hub.create(
            instance_id=child_id,
            execution_id=new_id(),
            name=child.name,
            version=child.version or parent.version,
            input_text=None if child.input is None else dumps(child.input),
            parent=Parent(parent.instance_id, parent.execution_id, decision.task_id, parent.name),
        )

    def _cancel(self, instance: Instance, canceled_timers: set[int]) -> list[Statement]:
        if not canceled_timers:
            return []
        canceled = [
            message_id
            for message_id, message in instance.timers.items()
            if message.event.fields.get("TimerId") in canceled_timers
        ]
        for message_id in canceled:
            del instance.timers[message_id]
            self._hub.timers.discard(message_id)
        return rows.delete_messages(canceled)

    def _finish(
        self, instance: Instance, episode: Episode, now: datetime, statements: list[Statement]
    ) -> None:
        assert episode.final is not None
        instance.status = episode.final
        # All its messages are in memory: no need to search the tables for what is rarely there.
        statements += rows.delete_messages([*instance.timers, *[m.message_id for m in instance.inbox]])
        self._hub.drop_timers(instance)
        instance.inbox.clear()
        if episode.final is not Status.COMPLETED:  # completion waits for open work, the others do not
            statements.append(rows.delete_work_of(instance.instance_id))
        statements.append(rows.update_instance(instance, now, episode.output))
        if instance.parent is not None:
            parent = instance.parent
            statements += self._hub.send(
                parent.instance_id, _answer_to_parent(parent.task_id, episode, now), parent.execution_id
            )
        self._hub.store.submit(Unit(statements, lambda: self._hub.ended(instance)))

    def _continue_as_new(self, instance: Instance, episode: Episode, now: datetime) -> list[Statement]:
        statements: list[Statement] = []
        self._hub.drop_timers(instance)
        later, instance.inbox = instance.inbox, []
        statements += rows.delete_pending(instance.instance_id)
        next_input = None if episode.next_input is None else dumps(episode.next_input)
        instance.start_over(new_id(), next_input, now)
        statements.append(rows.put_instance(instance))
        started = execution_started(
            now,
            name=instance.name,
            version=instance.version,
            input_text=next_input,
            instance_id=instance.instance_id,
            execution_id=instance.execution_id,
            parent=None if instance.parent is None else instance.parent.as_json(),
        )
        statements.append(self._hub.post(instance, started, instance.execution_id))
        statements += [self._hub.post(instance, event, None) for event in episode.carried_over]
        statements += [
            self._hub.post(instance, message.event, None) for message in later if message.execution_id is None
        ]
        return statements


def _answer_to_parent(task_id: int, episode: Episode, now: datetime) -> Event:
    if episode.final is Status.COMPLETED:
        return Event(
            EventType.SUB_ORCHESTRATION_COMPLETED,
            now,
            -1,
            {"TaskScheduledId": task_id, "Result": episode.output},
        )
    return Event(
        EventType.SUB_ORCHESTRATION_FAILED,
        now,
        -1,
        {"TaskScheduledId": task_id, "Reason": episode.output, "Details": None},
    )
