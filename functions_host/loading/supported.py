"""What the host runs and what it refuses, with the reason a reader can act on.

Names and bindings are checked as declared. Durable calls that the host cannot carry out (`call_http`, entities) are
found in a function's own code before anything runs: what the function, or one nested in it, writes as
`x.call_http(...)`. A call hidden in another module fails when it is made, with the same reason.
"""

from __future__ import annotations

import dis
import re
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from functions_host.errors import StartRefusedError
from functions_host.loading.functions import TRIGGER_KINDS, Binding

_NAME = re.compile(r"[a-z][a-z0-9_\-]{0,127}", re.IGNORECASE)
_OUTPUTS = {"http"}
_INPUTS = {"durableClient"}
_REASONS = {
    "entityTrigger": "Durable entities are not supported by the embedded host",
}


def check_name(name: str, earlier: Sequence[str]) -> None:
    """Raise StartRefusedError unless the real host would take this name (contract D, `Utility.cs`)."""
    if not _NAME.fullmatch(name) or name.lower() == "host":
        raise StartRefusedError(
            name,
            "a function's name must start with a letter, hold only letters, digits, - and _, and not be 'host'",
        )
    if name.lower() in {other.lower() for other in earlier}:
        raise StartRefusedError(name, "another function has the same name")


def only_trigger(function_name: str, bindings: Sequence[Binding]) -> Binding:
    """The function's trigger; raises StartRefusedError for none, several, or any binding not supported."""
    for binding in bindings:
        known = binding.type in TRIGGER_KINDS or binding.type in (_OUTPUTS if binding.is_output else _INPUTS)
        if not known:
            direction = "output" if binding.is_output else "input"
            reason = _REASONS.get(
                binding.type,
                f"the {direction} binding {binding.type!r} is not supported by the embedded host",
            )
            raise StartRefusedError(function_name, reason)
    triggers = [binding for binding in bindings if binding.type in TRIGGER_KINDS]
    if len(triggers) != 1:
        raise StartRefusedError(
            function_name, f"a function needs exactly one trigger; this one has {len(triggers)}"
        )
    return triggers[0]


_OF_ORCHESTRATORS = {
    "call_http": "call_http is not supported by the embedded host: call an activity that makes the request",
    "call_entity": "Durable entities are not supported by the embedded host (call_entity)",
    "signal_entity": "Durable entities are not supported by the embedded host (signal_entity)",
}
_OF_CLIENTS = {
    "signal_entity": "Durable entities are not supported by the embedded host (signal_entity)",
    "read_entity_state": "Durable entities are not supported by the embedded host (read_entity_state)",
}


def check_orchestrator(name: str, call: Callable[..., Any]) -> None:
    """Raise StartRefusedError if the orchestrator calls HTTP or an entity from its context."""
    _check(name, getattr(call, "orchestrator_function", call), _OF_ORCHESTRATORS)


def check_client(name: str, call: Callable[..., Any]) -> None:
    """Raise StartRefusedError if a function with a durable client uses it on an entity."""
    _check(name, getattr(call, "client_function", call), _OF_CLIENTS)


def _check(name: str, written: Callable[..., Any], refused: dict[str, str]) -> None:
    code = getattr(written, "__code__", None)
    for attribute in _attributes(code) if code is not None else ():
        if attribute in refused:
            raise StartRefusedError(name, refused[attribute])


def _attributes(code: types.CodeType) -> Iterator[str]:
    """Names the code looks up on objects, those of nested functions included."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _attributes(constant)
