"""Names what is missing or misconfigured on this computer, each with its remedy. Standard library only."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable

from local_stack.errors import StackError
from local_stack.install.doctor_checks import CHECKS
from local_stack.install.findings import Finding, problem
from local_stack.terminal import showable


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 if nothing is a problem, else 1."""
    findings = list(_examine_cloud(arguments) if arguments.cloud else examine(CHECKS))
    if arguments.json:
        print(json.dumps([{"check": check, **finding._asdict()} for check, finding in findings], indent=1))
    else:
        for check, finding in findings:
            sign = {"ok": "✓", "note": "!", "problem": "✗"}[finding.level]
            print(showable(f"  {sign} {check:<20}{finding.finding}", sys.stdout))
            if finding.remedy:
                print(showable(f"    {'':<20}Remedy: {finding.remedy}", sys.stdout))
    return 1 if any(finding.level == "problem" for _, finding in findings) else 0


def _examine_cloud(arguments: argparse.Namespace) -> Iterable[tuple[str, Finding]]:
    from local_stack.operate.cloud_doctor.examination import of_deployment

    if not arguments.resource_group:
        raise StackError(
            "doctor --cloud needs the deployment's resource group.", "give --resource-group NAME"
        )
    yield from of_deployment(arguments)


def examine(checks: Iterable[tuple[str, Callable[[], Finding]]]) -> Iterable[tuple[str, Finding]]:
    """Run each check; one that cannot even run is a finding, never a traceback."""
    for name, check in checks:
        try:
            yield name, check()
        except OSError as error:
            yield name, problem(f"cannot be examined: {error}", "mend what the message names")
