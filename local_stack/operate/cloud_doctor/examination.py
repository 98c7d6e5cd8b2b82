"""All checks in the order in which a failure would be met, and the command that runs them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from local_stack.errors import StackError
from local_stack.install.findings import Finding
from local_stack.operate.cloud_doctor import access_checks, app_checks, azure
from local_stack.operate.cloud_doctor.evidence import Evidence, gather

CHECKS: tuple[tuple[str, Callable[[Evidence], Finding]], ...] = (
    ("clock", access_checks.clock),
    ("python", app_checks.python),
    ("roles", access_checks.roles),
    ("keys", access_checks.key_access),
    ("firewall", access_checks.firewall),
    ("events", app_checks.events),
    ("task hub", app_checks.hub),
    ("database", app_checks.database),
    ("driver", app_checks.driver),
    ("quota", app_checks.quota),
)


def examine(evidence: Evidence) -> Iterator[tuple[str, Finding]]:
    """Every check by name."""
    for name, check in CHECKS:
        yield name, check(evidence)


def of_deployment(arguments: argparse.Namespace) -> Iterator[tuple[str, Finding]]:
    """Look at the deployment that the options name. Raises StackError if Azure cannot be asked or lacks it."""
    group = f"{azure.subscription()}/resourceGroups/{arguments.resource_group}"
    try:
        evidence = gather(group, arguments.app, azure.ask, azure.health)
    except azure.AzureRefusedError as error:
        raise StackError(f"Azure does not tell you: {error}.", "ask for Contributor on the group") from None
    yield from examine(evidence)
