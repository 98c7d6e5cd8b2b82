"""The message for a call of a function the app does not have, as the real host words it."""

from __future__ import annotations

from functions_host.durable.catalog import FunctionCatalog
from functions_host.durable.replay import Decision


def missing_function(catalog: FunctionCatalog, decision: Decision) -> str | None:
    """What to fail with, or None when the decision's function exists (or it needs none)."""
    if decision.call is not None and not catalog.has_activity(decision.call.name):
        return (
            f"The function '{decision.call.name}' doesn't exist, is disabled, or is not an activity function."
        )
    if decision.child is not None and not catalog.has_orchestrator(decision.child.name):
        return unknown_orchestrator(catalog, decision.child.name)
    return None


def unknown_orchestrator(catalog: FunctionCatalog, name: str) -> str:
    """The same for an orchestrator, with the names there are."""
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
