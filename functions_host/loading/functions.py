"""What indexing yields: the app's functions as plain data, free of the SDK's builder objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

TRIGGER_KINDS = {
    "httpTrigger": "http",
    "timerTrigger": "timer",
    "blobTrigger": "blob",
    "activityTrigger": "activity",
    "orchestrationTrigger": "orchestration",
}
"""Binding type of each trigger this host runs, and the short name it has in logs and listings."""


@dataclass(frozen=True)
class Binding:
    """One binding as the decorators declare it; `properties` is the raw binding without name and type."""

    name: str
    type: str
    is_output: bool
    properties: Mapping[str, Any] = field(default_factory=dict)

    def text(self, key: str, default: str = "") -> str:
        """A property as text; `default` when absent or null."""
        value = self.properties.get(key)
        return default if value is None else str(value)


@dataclass(frozen=True)
class Parameter:
    """How one parameter (or the return value) is converted: converter and Python annotation.

    `deferred`: its annotation is an SDK type, so it is handed a reference instead of the content.
    """

    converter: Any
    annotation: Any
    is_trigger: bool = False
    deferred: bool = False


@dataclass(frozen=True)
class LoadedFunction:
    """One function, checked as the Python worker checks it and ready to be called."""

    name: str
    call: Callable[..., Any]
    directory: str
    is_async: bool
    wants_context: bool
    trigger: Binding
    bindings: tuple[Binding, ...]
    inputs: Mapping[str, Parameter]
    outputs: Mapping[str, Parameter]
    returns: Parameter | None

    @property
    def kind(self) -> str:
        """http, timer, blob, activity or orchestration."""
        return TRIGGER_KINDS[self.trigger.type]

    @property
    def durable_name(self) -> str:
        """Name under which orchestrators call it: the decorator's name, else the function's."""
        key = "activity" if self.kind == "activity" else "orchestration"
        return self.trigger.text(key) or self.name

    @property
    def durable_clients(self) -> tuple[Binding, ...]:
        """Its `durable_client_input` bindings."""
        return tuple(binding for binding in self.bindings if binding.type == "durableClient")
