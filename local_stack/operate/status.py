"""What became of one run or one image, from the API of any deployment."""

from __future__ import annotations

import argparse
import json
import re
import urllib.parse
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from local_stack.errors import FAILED, StackError
from local_stack.operate.run_api import RunApi
from local_stack.operate.run_timeline import timeline
from local_stack.operate.running_stack import run_api
from local_stack.operate.runs import STYLES
from local_stack.terminal import printable

_RUN_ID = re.compile(r"[0-9a-f]{32}")
_FACTS = {
    "run id": "run_id", "device": "device_id", "source name": "source_name", "container": "container",
    "blob": "blob_name", "ETag": "etag", "SHA-256": "sha256", "bytes": "size_bytes", "step": "step",
    "failed tries": "failed_attempts",
}  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 if it is known, 1 if nobody knows it. Raises StackError if the API cannot answer."""
    api = run_api(arguments.url)
    runs = _find(api, arguments.what)
    if arguments.json:
        print(json.dumps(runs, indent=1))
    elif not runs:
        print(f"Nothing is known of {printable(arguments.what)}.")
    else:
        console = Console(highlight=False, soft_wrap=True)
        for found in runs:
            console.print(picture(found, api.url))
    return 0 if runs else 1


def picture(run: dict[str, Any], url: str) -> Group:
    """State and scores, the way from the file to the row with every error, where it came from, links."""
    state = str(run.get("state", ""))
    heading = Text.assemble(
        (state, f"bold {STYLES.get(state, '')}"), "  ", (_named(run), "bold"), _attempt(run)
    )
    lines = [heading, *(Text(printable(line)) for line in _words(run)), Text()]
    return Group(*lines, _way(run), Text(), _facts(run, url), Text())


def _find(api: RunApi, what: str) -> list[dict[str, Any]]:
    path = f"runs/{what}" if _RUN_ID.fullmatch(what) else f"images/{urllib.parse.quote(what)}"
    code, body = api.get(path)
    if code in (200, 202):
        return list(body["runs"]) if "runs" in body else [body]
    if code in (400, 404):
        return []
    raise StackError(
        f"The API answered {code}: {body.get('detail', body)}", "see the host's log", exit_code=FAILED
    )


def _named(run: dict[str, Any]) -> str:
    return printable(str(run.get("source_name") or run.get("blob_name") or run.get("run_id", "")))


def _attempt(run: dict[str, Any]) -> str:
    return f"  attempt {run['attempt']}" if (run.get("attempt") or 1) > 1 else ""


def _words(run: dict[str, Any]) -> list[str]:
    words = [
        f"{score['value']:,} by {score['scorer']} {score['scorer_version']}"
        for score in run.get("scores") or ()
    ]
    if run.get("reason"):
        words.append(": ".join(str(part) for part in (run["reason"], run.get("detail")) if part))
    if run.get("cause"):
        words.append(f"because of {run['cause']}; next try {run.get('next_attempt_at')}")
    return words


def _way(run: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    before = None
    for step in timeline(run):
        gap = f"+{(step.at - before).total_seconds():,.3f} s" if before else ""
        before = step.at
        table.add_row(
            f"{step.at:%Y-%m-%d %H:%M:%S}.{step.at.microsecond // 1000:03d}",
            Text(gap, style="dim", justify="right"),
            Text(step.what, style=STYLES.get(step.state, "")),
            Text(printable(step.why), style="dim"),
        )
    return table


def _facts(run: dict[str, Any], url: str) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    for label, name in _FACTS.items():
        if run.get(name) not in (None, "", 0):
            table.add_row(Text(label, style="dim"), Text(printable(str(run[name]))))
    for name, path in (run.get("links") or {}).items():
        table.add_row(Text(name, style="dim"), Text(printable(f"{url}{path}")))
    return table
