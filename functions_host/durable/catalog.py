"""What the Durable engine needs of whoever loaded the app: names, a way to run them, the words for a missing one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from functions_host.durable.replay.replay import Decision


class FunctionCatalog(Protocol):
    """The app's orchestrators and activities. Names match ignoring case, as in the real host."""

    @property
    def orchestrators(self) -> Mapping[str, Any]:
        """Orchestrators by the name they were registered with."""
        ...

    def has_orchestrator(self, name: str) -> bool:
        """Whether `start` or a sub-orchestration may use this name."""
        ...

    def has_activity(self, name: str) -> bool:
        """Whether an orchestrator may call this activity."""
        ...

    async def invoke_orchestrator(self, name: str, context_json: str) -> str:
        """Run one replay: context JSON (contract B1) to orchestrator state JSON (B3).

        Raises whatever the function raised; its text carries `$OutOfProcData$:` when the SDK made it.
        """
        ...

    async def invoke_activity(self, name: str, input_json: str, instance_id: str) -> str | None:
        """Run an activity on JSON text; JSON text of its result or None; raises what it raised."""
        ...


def missing_function(catalog: FunctionCatalog, decision: Decision) -> str | None:
    """The failure for a decision whose function does not exist; None when it does, or when none is needed."""
    if decision.call is not None and not catalog.has_activity(decision.call.name):
        return (
            f"The function '{decision.call.name}' doesn't exist, is disabled, or is not an activity function."
        )
    if decision.child is not None and not catalog.has_orchestrator(decision.child.name):
        return unknown_orchestrator(catalog, decision.child.name)
    return None


def unknown_orchestrator(catalog: FunctionCatalog, name: str) -> str:
    """The failure for an unknown orchestrator, with the known ones."""
    known = "', '".join(catalog.orchestrators)
    return (
        f"The function '{name}' doesn't exist, is disabled, or is not an orchestrator function. "
        + "Additional info: "
        + (
            f"The following are the known orchestrator functions: '{known}'."
            if known
            else "No orchestrator functions are currently registered!"
        )
    )
