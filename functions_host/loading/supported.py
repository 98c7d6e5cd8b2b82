"""What the host runs and what it refuses, with the reason a reader can act on."""

from __future__ import annotations

import re
from collections.abc import Sequence

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
            name, "a function's name starts with a letter, has letters, digits, - and _, and is not 'host'"
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
            function_name, f"a function has exactly one trigger, this one {len(triggers)}"
        )
    return triggers[0]
