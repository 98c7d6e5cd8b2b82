"""``pipeline.py watch``: the pipeline of any deployment, live in the terminal, until Ctrl-C."""

from __future__ import annotations

import argparse
import time
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from local_stack.errors import StackError
from local_stack.operate.run_api import RunApi
from local_stack.operate.running_stack import run_api
from local_stack.operate.runs import STYLES, table_of

_LIVE = ("running", "retrying", "waiting")
_STATES = ("waiting", "running", "retrying", "scored", "rejected", "failed")
_NEWEST = 12


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0; Ctrl-C ends it. With ``--once`` it draws a single picture."""
    api, console = run_api(arguments.url), Console(highlight=False)
    if arguments.once:
        console.print(picture(*ask(api, arguments.window)))
        return 0
    with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
        try:
            while True:
                live.update(_now(api, arguments.window), refresh=True)
                time.sleep(arguments.every)
        except KeyboardInterrupt:
            return 0


def ask(api: RunApi, window: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Figures and newest runs, those under way first. Raises StackError with the API's own words if it refuses."""
    stats = _answer(api, "stats", {"window": window})
    moving = [state for state in _LIVE if stats["counts"].get(state)]
    asked: list[dict[str, str]] = [*({"state": state} for state in moving), {}]
    found = [_answer(api, "runs", {**which, "limit": str(_NEWEST)})["runs"] for which in asked]
    # A replay is under way and has its earlier row at the same time.
    runs = {run["run_id"]: run for page in reversed(found) for run in page}
    order = dict.fromkeys(run["run_id"] for page in found for run in page)
    return stats, [runs[run_id] for run_id in order][:_NEWEST]


def _answer(api: RunApi, path: str, parameters: dict[str, str]) -> dict[str, Any]:
    code, body = api.get(path, parameters)
    if code != 200:
        raise StackError(f"The API answered {code}: {body.get('detail', body)}", "see the host's log")
    return body


def picture(stats: dict[str, Any], runs: list[dict[str, Any]]) -> Group:
    """Counts by state, the window's figures, rejections by reason, the newest images."""
    counts, recent = stats["counts"], stats["window"]
    states = Table.grid(padding=(0, 4))
    states.add_row(*(Text(state, style="dim") for state in _STATES))
    states.add_row(
        *(Text(_number(counts.get(state)), style=f"bold {STYLES.get(state, '')}") for state in _STATES)
    )
    return Group(states, Text(_figures(recent), style="dim"), Text(), table_of(runs))


def _now(api: RunApi, window: str) -> RenderableType:
    try:
        return picture(*ask(api, window))
    except StackError as error:  # a host that restarts comes back: keep watching
        return Text(str(error), style="red")


def _figures(recent: dict[str, Any]) -> str:
    ended = sum(recent["counts"].values())
    parts = [f"{ended:,} images in the last {recent['seconds'] // 60} min"]
    if recent.get("latency"):
        parts.append(f"file to row {recent['latency']['p50']:.1f} s (p95 {recent['latency']['p95']:.1f} s)")
    parts += [f"{runs} {reason}" for reason, runs in list(recent["rejections"].items())[:4]]
    return " · ".join(parts)


def _number(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"
