"""``pipeline.py runs``: the newest images of any deployment, by state, reason, device and time."""

from __future__ import annotations

import argparse
import itertools
import json
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from local_stack.operate.running_stack import run_api
from local_stack.terminal import printable

STYLES = {"scored": "green", "rejected": "yellow", "failed": "red", "running": "blue", "retrying": "magenta"}
LARGEST_PAGE = 1000
_FILTERS = ("state", "reason", "device", "scorer", "since", "until")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, also when nothing matches. Raises StackError if the API cannot answer."""
    chosen = {name: getattr(arguments, name) for name in _FILTERS}
    page = str(max(1, min(arguments.limit, LARGEST_PAGE)))
    found = run_api(arguments.url).runs(
        {name: str(value) for name, value in chosen.items() if value} | {"limit": page}
    )
    runs = list(itertools.islice(found, arguments.limit))
    if arguments.json:
        print(json.dumps(runs, indent=1))
    elif runs:
        Console(highlight=False).print(table_of(runs))
    else:
        print("No image matches.")
    return 0


def table_of(runs: list[dict[str, Any]]) -> Table:
    """One line a run. Names are plain text: neither rich's markup nor control characters act in them."""
    table = Table(box=None, pad_edge=False)
    whole = {"when (UTC)": 19, "run id": 32}  # what is copied or compared is never cut
    for name in ("when (UTC)", "state", "score", "attempt", "image", "run id"):
        right = name in ("score", "attempt")
        table.add_column(name, justify="right" if right else "left", min_width=whole.get(name))
    for told in runs:
        state = str(told.get("state", ""))
        why = f" ({told['reason']})" if told.get("reason") else ""
        scores = told.get("scores") or []
        table.add_row(
            str(told.get("committed_at") or told.get("started_at") or "")[:19].replace("T", " "),
            Text(printable(state + why), style=STYLES.get(state, "")),
            f"{scores[0]['value']:,}" if scores else "",
            str(told.get("attempt", 1)),
            Text(printable(str(told.get("blob_name") or "")), overflow="fold"),
            Text(printable(str(told.get("run_id", ""))), style="dim", no_wrap=True),
        )
    return table
