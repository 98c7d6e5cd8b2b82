"""Do the books balance? Device folder x blobs x rows, every discrepancy by name.

With a pipeline up it reads that one; otherwise it starts storage and host for the time of the audit
(what was under way goes on meanwhile, as at any start).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from local_stack.operate.run_api import RunApi
from local_stack.operate.running_stack import read_running
from local_stack.operate.times import moment
from local_stack.reconcile import evidence
from local_stack.reconcile.books import Balance
from local_stack.run import parts
from local_stack.run.stack import stack_up
from local_stack.state_folder import StateFolder


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 if the books balance, else 1. Raises StackError for a moment that is none."""
    since = moment(arguments.since, datetime.now(UTC)) if arguments.since else None
    state = StateFolder()
    up = read_running(state.running)
    if up is not None:
        balance = _strike(state, up.storage, up.url, arguments.prefix, since)
    else:
        with stack_up(state, "embedded", "audit", with_agent=False) as stack:
            balance = _strike(state, stack.storage, stack.url, arguments.prefix, since)
    if arguments.json:
        print(json.dumps({**asdict(balance), "balanced": balance.balanced}, indent=1))
    else:
        _print(balance)
    return 0 if balance.balanced else 1


def _strike(state: StateFolder, storage: str, url: str, prefix: str, since: datetime | None) -> Balance:
    return evidence.strike_balance(state, storage, parts.CONTAINER, RunApi(url), prefix, since)


def _print(balance: Balance) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(title="The books", title_justify="left")
    figures = {"made": balance.made, "taken": balance.taken, "scored": balance.scored, "rejected": balance.rejected,
               "failed": balance.failed, "waiting": balance.waiting, "lost": balance.lost,
               "doubled": balance.duplicate_rows, "wrong": balance.wrong_sums,
               "orphan rows": balance.orphan_rows, "missing rows": balance.missing_rows,
               "stuck": balance.stuck_runs}  # fmt: skip
    for name in figures:
        table.add_column(name, justify="right")
    table.add_row(*(str(number) for number in figures.values()))
    console.print(table)
    for item in balance.discrepancies:
        console.print(f"  [red]{item.kind}[/red] {item.name}: {item.explanation}")
    for item in balance.unfinished[:20]:
        console.print(f"  [yellow]{item.kind}[/yellow] {item.name}: {item.explanation}")
    verdict = (
        "[green]The books balance.[/green]" if balance.balanced else "[red]The books do NOT balance.[/red]"
    )
    console.print(verdict)
