"""Durable calls this host cannot carry out, found in a function's own code before anything runs.

Only what the function itself (or a function nested in it) writes as `x.call_http(...)` is found; one that hides
the call elsewhere fails when it makes it, with the same reason.
"""

from __future__ import annotations

import dis
import types
from collections.abc import Callable, Iterator
from typing import Any

from functions_host.errors import StartRefusedError

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
