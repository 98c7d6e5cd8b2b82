"""``pipeline.py sweep``: starts at once what the next timed sweep would start, over the whole container.

Works on any deployment, in bounded stretches, each from where the last one stopped.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter

from local_stack.errors import FAILED, StackError
from local_stack.operate.run_api import RunApi
from local_stack.operate.running_stack import run_api
from local_stack.terminal import printable

COUNTED = ("looked_at", "recorded", "live", "young", "unseen", "unrecorded", "stopped", "started")
_STRETCH = 5_000  # blobs per call: seconds each, far from any gateway's time limit


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0. Raises StackError if the API cannot answer."""
    total, found = sweep_all(run_api(arguments.url), grace=arguments.grace, start=not arguments.dry_run)
    if arguments.json:
        print(json.dumps({**total, "found": found}, indent=1))
        return 0
    needed = total["unseen"] + total["unrecorded"]
    verdict = f"{total['started']} started" if not arguments.dry_run else f"{needed} would be started"
    print(
        f"{total['looked_at']} blobs: {total['recorded']} have their row, {total['live']} are at work, "
        f"{total['young']} are too young to judge, {total['stopped']} were stopped by an operator; {verdict}."
    )
    for blob in found[:20]:
        print(f"  {blob['standing']}: {printable(blob['blob_name'])} (run {blob['run_id']})")
    return 0


def sweep_all(
    api: RunApi, *, grace: str = "60s", start: bool = True
) -> tuple[dict[str, int], list[dict[str, str]]]:
    """The counts over all stretches, and the first 1,000 blobs that needed a run or were stopped. Raises StackError."""
    total: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
    found: list[dict[str, str]] = []
    asked = {"limit": str(_STRETCH), "grace": grace}
    while True:
        code, told = api.post("sweep", asked) if start else api.get("audit", asked)
        if code != 200:
            raise StackError(
                f"{api.url}/api/{'sweep' if start else 'audit'} answered {code}: {told.get('detail', told)}",
                "see the host's log",
                exit_code=FAILED,
            )
        total.update({name: told[name] for name in COUNTED})
        found = [*found, *told["found"]][:1_000]
        if not told.get("next_cursor"):
            return dict(total), found
        asked["cursor"] = told["next_cursor"]
