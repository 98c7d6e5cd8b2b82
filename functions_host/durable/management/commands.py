"""What a client may do to instances: start, raise event, terminate, suspend, resume, restart, rewind.

Each command is durable when it returns. Refusals are RequestRefusedError with the HTTP status of
the management API (contract B7, B8).
"""

from __future__ import annotations

import json
import re

from functions_host.durable.catalog import FunctionCatalog, unknown_orchestrator
from functions_host.durable.errors import (
    InstanceFinishedError,
    InstanceNotFoundError,
    RequestRefusedError,
)
from functions_host.durable.events import Event, EventType, new_id
from functions_host.durable.options import DurableOptions
from functions_host.durable.orchestrating.rewind import rewind_statements
from functions_host.durable.status import Status
from functions_host.durable.storing import rows
from functions_host.durable.storing.instance import Instance
from functions_host.durable.storing.store import Unit
from functions_host.durable.storing.task_hub import TaskHub

MAX_INSTANCE_ID_LENGTH = 256
MAX_JSON_DEPTH = 500
"""Half of what Python's own reader takes: the app, deeper in the stack, has to read it too."""
_BRACKET_OR_STRING = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_FORBIDDEN = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")


class Commands:
    """The writing half of a client's requests."""

    def __init__(self, hub: TaskHub, catalog: FunctionCatalog, options: DurableOptions) -> None:
        self._hub = hub
        self._catalog = catalog
        self._options = options

    async def start(
        self, name: str, instance_id: str | None, input_text: str | None, version: str | None
    ) -> str:
        """Create an instance (input is JSON text) and return its id; 400 and 409-like refusals raise."""
        if not self._catalog.has_orchestrator(name):
            raise RequestRefusedError(400, unknown_orchestrator(self._catalog, name))
        instance_id = instance_id or new_id()
        check_instance_id(instance_id)
        if self._options.overridable_existing_instance_states != "AnyState":
            status = self._hub.status_of(instance_id)
            if status is not None and not status.is_final:
                raise RequestRefusedError(
                    500,
                    f"An Orchestration instance with the status {status.label} already exists.",
                    "DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException",
                )
        statements = self._hub.create(
            instance_id=instance_id,
            execution_id=new_id(),
            name=name,
            version=self._options.default_version or "" if version is None else version,
            input_text=input_text,
        )
        self._hub.store.submit(Unit(statements))
        await self._hub.store.durable()
        return instance_id

    async def raise_event(self, instance_id: str, event_name: str, input_text: str) -> None:
        """Deliver an external event (input is JSON text)."""
        instance = self._live(instance_id)
        await self._post(
            instance,
            Event(
                EventType.EVENT_RAISED, self._hub.clock.now(), -1, {"Name": event_name, "Input": input_text}
            ),
        )

    async def terminate(self, instance_id: str, reason: str | None) -> None:
        """End it as Terminated with the reason as output; its activities' results are discarded."""
        instance = self._live(instance_id)
        await self._post(
            instance,
            Event(EventType.EXECUTION_TERMINATED, self._hub.clock.now(), -1, {"Input": reason}),
        )

    async def suspend(self, instance_id: str, reason: str | None) -> None:
        """Stop running user code until resumed; events queue meanwhile."""
        instance = self._live(instance_id)
        if instance.suspended:
            raise _wrong_state("suspend", instance)
        await self._post(
            instance,
            Event(EventType.EXECUTION_SUSPENDED, self._hub.clock.now(), -1, {"Reason": reason}),
        )

    async def resume(self, instance_id: str, reason: str | None) -> None:
        """Go on after a suspension."""
        instance = self._live(instance_id)
        if not instance.suspended and not _suspension_queued(instance):
            raise _wrong_state("resume", instance)
        await self._post(
            instance,
            Event(EventType.EXECUTION_RESUMED, self._hub.clock.now(), -1, {"Reason": reason}),
        )

    async def restart(self, instance_id: str, *, under_new_id: bool) -> str:
        """Start the same orchestrator with the same input again, under a new or the same id."""
        instance = self._hub.instances.get(instance_id) or rows.read_instance(
            self._hub.store, instance_id, with_history=False
        )
        if instance is None:
            raise RequestRefusedError(
                400, f"An orchestration with the instanceId {instance_id} was not found."
            )
        if not under_new_id and not instance.status.is_final:
            raise RequestRefusedError(
                409,
                f"An Orchestration instance with the status {instance.status.label} already exists.",
                "System.InvalidOperationException",
            )
        return await self.start(
            instance.name, None if under_new_id else instance_id, instance.input, instance.version
        )

    async def rewind(self, instance_id: str, reason: str | None) -> None:
        """Undo the failures of a Failed instance and let it go on from there."""
        self.check_known(instance_id)
        await self._hub.store.durable()  # a failure is read back from the file
        status = self._hub.status_of(instance_id)
        if status in (Status.COMPLETED, Status.TERMINATED, Status.CANCELED):
            raise InstanceFinishedError(instance_id)
        if status is not Status.FAILED:
            raise RequestRefusedError(
                500,
                "The rewind operation is only supported on failed orchestration instances.",
                "System.InvalidOperationException",
            )
        self._hub.store.submit(Unit(rewind_statements(self._hub, instance_id, reason)))
        await self._hub.store.durable()

    async def purge(self, instance_ids: list[str]) -> int:
        """Delete finished instances; how many there were."""
        gone = 0
        statements = []
        for instance_id in instance_ids:
            status = self._hub.status_of(instance_id)
            if status is not None and status.is_final:
                gone += 1
                statements += rows.purge(instance_id)
        self._hub.store.submit(Unit(statements))
        await self._hub.store.durable()
        return gone

    async def wait_for_end(self, instance_id: str, seconds: float) -> None:
        """Return when the instance has ended, or after so many seconds."""
        await self._hub.wait_for_end(instance_id, seconds)

    def check_live(self, instance_id: str) -> None:
        """Raises InstanceNotFoundError or InstanceFinishedError."""
        self._live(instance_id)

    def check_known(self, instance_id: str) -> None:
        """Raises InstanceNotFoundError."""
        if self._hub.status_of(instance_id) is None:
            raise InstanceNotFoundError(instance_id)

    def _live(self, instance_id: str) -> Instance:
        instance = self._hub.find(instance_id)
        if instance is not None:
            return instance
        if self._hub.status_of(instance_id) is None:
            raise InstanceNotFoundError(instance_id)
        raise InstanceFinishedError(instance_id)

    async def _post(self, instance: Instance, event: Event) -> None:
        self._hub.store.submit(Unit([self._hub.post(instance, event, None)]))
        await self._hub.store.durable()


def check_instance_id(instance_id: str) -> None:
    """The host's rules for ids; raises RequestRefusedError 400."""
    if instance_id.startswith("@"):
        raise RequestRefusedError(400, "Orchestration instance ids must not start with @.")
    if _FORBIDDEN.search(instance_id):
        raise RequestRefusedError(
            400, "Orchestration instance ids must not contain /, \\, #, ?, or control characters."
        )
    if len(instance_id) > MAX_INSTANCE_ID_LENGTH:
        raise RequestRefusedError(
            400, f"Instance ID lengths must not exceed {MAX_INSTANCE_ID_LENGTH} characters."
        )


def check_json(text: str) -> None:
    """Raises RequestRefusedError 400 for what is not JSON, or nested so deep that a later reader could not take it."""
    try:
        if _deeper_than(text, MAX_JSON_DEPTH):
            raise ValueError("nested too deep")
        json.loads(text)
    except ValueError as error:
        raise RequestRefusedError(
            400, "Invalid JSON content", "Newtonsoft.Json.JsonReaderException"
        ) from error


def _deeper_than(text: str, limit: int) -> bool:
    """Whether arrays and objects of JSON are nested deeper; without recursion, and at no cost where there are few."""
    if text.count("[") + text.count("{") <= limit:
        return False
    depth = 0
    for token in _BRACKET_OR_STRING.finditer(text):
        mark = token[0][0]
        if mark in "[{":
            depth += 1
            if depth > limit:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def _suspension_queued(instance: Instance) -> bool:
    return any(message.event.type == EventType.EXECUTION_SUSPENDED for message in instance.inbox)


def _wrong_state(verb: str, instance: Instance) -> RequestRefusedError:
    return RequestRefusedError(
        500,
        f"Cannot {verb} the orchestration instance {instance.instance_id} because instance is in the "
        f"{instance.status.label} state.",
        "System.InvalidOperationException",
    )
