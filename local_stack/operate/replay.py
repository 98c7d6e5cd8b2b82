"""``pipeline.py replay``: runs images again that were rejected or given up, one by its id or many by a filter.

Works on any deployment. Asking twice is harmless: what already runs again is left alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from local_stack.errors import FAILED, StackError
from local_stack.operate.run_api import RunApi
from local_stack.operate.running_stack import run_api

_FILTERS = ("state", "reason", "device", "since", "until")
_PAGE = 1_000


@dataclass(frozen=True)
class Replays:
    """How many runs the filter matched, and what became of them."""

    matched: int = 0
    started: int = 0
    already_running: int = 0
    dry_run: bool = False


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 when all that matched runs again, 1 for a run that cannot.

    Raises StackError when neither a run nor a state is named, or the API cannot answer.
    """
    if (arguments.run_id is None) == (arguments.state is None):
        raise StackError(
            "Name what to replay: one RUN_ID, or --state rejected|failed.",
            "`python3 pipeline.py runs --state failed` lists what ended so",
        )
    api = run_api(arguments.url)
    if arguments.run_id is not None:
        return _replay_one(api, arguments.run_id, as_json=arguments.json)
    chosen = {name: getattr(arguments, name) for name in _FILTERS}
    told = replay_all(
        api, {name: value for name, value in chosen.items() if value}, dry_run=arguments.dry_run
    )
    if arguments.json:
        print(json.dumps(asdict(told)))
    elif told.dry_run:
        print(f"{told.matched} runs match; without --dry-run they would be replayed.")
    else:
        print(
            f"{told.matched} runs matched: {told.started} started again, {told.already_running} already running."
        )
    return 0


def replay_all(api: RunApi, chosen: Mapping[str, str], *, dry_run: bool = False) -> Replays:
    """Page by page to the end: newest first, so what ends anew meanwhile is behind us. Raises StackError."""
    total = Replays(dry_run=dry_run)
    asked = {**chosen, "limit": str(_PAGE), "dry_run": str(dry_run).lower()}
    while True:
        code, page = api.post("runs/replay", asked)
        if code != 200:
            raise StackError(
                f"POST {api.url}/api/runs/replay answered {code}: {page.get('detail', page)}",
                "correct the parameter it names, or see the host's log",
                exit_code=FAILED,
            )
        total = Replays(
            total.matched + page["matched"],
            total.started + page["started"],
            total.already_running + page["already_running"],
            dry_run,
        )
        if not page.get("next_cursor"):
            return total
        asked["cursor"] = page["next_cursor"]


def _replay_one(api: RunApi, run_id: str, *, as_json: bool) -> int:
    code, body = api.post(f"runs/{run_id}/replay")
    if as_json:
        print(json.dumps(body))
    else:
        print(_told(code, body))
    return 0 if code == 202 else 1


def _told(code: int, body: dict[str, Any]) -> str:
    if code != 202:
        return str(body.get("detail") or body)
    begun = "runs already" if body.get("replayed") == "already_running" else "started again"
    return f"{body.get('run_id')}: attempt {body.get('attempt')} {begun}."
