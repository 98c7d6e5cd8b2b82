"""``pipeline.py audit``: reconciles the device's folder, the blobs and the rows; every discrepancy by name.

With a pipeline up it reads that one; otherwise it starts storage and host for the time of the audit
(what was under way goes on meanwhile, as at any start).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console

from local_stack.operate.run_api import RunApi
from local_stack.operate.running_stack import read_running
from local_stack.operate.times import moment
from local_stack.reconcile import evidence
from local_stack.reconcile.reconciliation import Reconciliation
from local_stack.run import parts
from local_stack.run.demo_report import discrepancy_line
from local_stack.run.stack import stack_up
from local_stack.state_folder import StateFolder


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 if every image is accounted for, else 1. Raises StackError for a moment that is none."""
    since = moment(arguments.since, datetime.now(UTC)) if arguments.since else None
    state = StateFolder()
    up = read_running(state.running)
    if up is not None:
        found = _reconcile(state, up.storage, up.url, arguments.prefix, since)
    else:
        with stack_up(state, "embedded", "audit", with_agent=False) as stack:
            found = _reconcile(state, stack.storage, stack.url, arguments.prefix, since)
    if arguments.json:
        print(json.dumps({**asdict(found), "balanced": found.balanced}, indent=1))
    else:
        _print(found)
    return 0 if found.balanced else 1


def _reconcile(
    state: StateFolder, storage: str, url: str, prefix: str, since: datetime | None
) -> Reconciliation:
    return evidence.reconcile(state, storage, parts.CONTAINER, RunApi(url), prefix, since)


def _print(found: Reconciliation) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for item in found.discrepancies:
        console.print(discrepancy_line("red", item.kind, item.name, item.explanation))
    for item in found.unfinished[:20]:
        console.print(discrepancy_line("yellow", item.kind, item.name, item.explanation))
    verdict = "[green]Reconciled[/green]" if found.balanced else "[red]NOT reconciled[/red]"
    console.print(
        f"{verdict}: {found.made} made, {found.taken} taken = {found.scored} scored + {found.rejected} rejected"
        f" + {found.failed} failed + {found.waiting} waiting; {found.lost} lost, {found.duplicate_rows} doubled,"
        f" {found.wrong_sums} wrong, {found.orphan_rows} orphan rows, {found.missing_rows} missing rows,"
        f" {found.stuck_runs} stuck"
    )
