"""What became of one run or one image, from the API of any deployment."""

from __future__ import annotations

import argparse
import json
import re
import urllib.parse
from typing import Any

from rich.console import Console
from rich.table import Table

from local_stack.attached import run_api
from local_stack.run_api import RunApi

_RUN_ID = re.compile(r"[0-9a-f]{32}")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 if it is known, 1 if nobody knows it."""
    api = run_api(arguments.url)
    runs = _find(api, arguments.what)
    if arguments.json:
        print(json.dumps(runs, indent=1))
    elif not runs:
        print(f"Nothing is known of {arguments.what}.")
    else:
        for found in runs:
            Console(highlight=False, soft_wrap=True).print(_picture(found))
    return 0 if runs else 1


def _find(api: RunApi, what: str) -> list[dict[str, Any]]:
    if _RUN_ID.fullmatch(what):
        code, body = api.get(f"runs/{what}")
        return [body] if code in (200, 202) else []
    code, body = api.get(f"images/{urllib.parse.quote(what)}")
    return list(body.get("runs", [])) if code == 200 else []


def _picture(run: dict[str, Any]) -> Table:
    table = Table(title=f"Run {run.get('run_id', '')}", title_justify="left", show_header=False)
    for name, value in run.items():
        if value is None or value in ([], {}):
            continue
        shown = json.dumps(value, indent=1) if isinstance(value, list | dict) else str(value)
        table.add_row(name, shown)
    return table
