"""``pipeline.py status``: what became of one run or one image, from the API of any deployment.

The way from the file to the row is told in the words and the order of the dashboard's page of a run.
"""

from __future__ import annotations

import argparse
import json
import re
import urllib.parse
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from local_stack.errors import FAILED, StackError
from local_stack.operate.run_api import RunApi
from local_stack.operate.running_stack import run_api
from local_stack.operate.runs import STYLES
from local_stack.terminal import printable

_RUN_ID = re.compile(r"[0-9a-f]{32}")
_ENDED = ("scored", "rejected", "failed")
# The names that an app of the release before has for fields of a run.
_FORMERLY = {
    "failed_tries": "attempts", "failed_try_count": "failed_attempts", "next_try_at": "next_attempt_at",
    "earlier_attempts": "earlier",
}  # fmt: skip
_FACTS = {
    "run id": "run_id", "device": "device_id", "source name": "source_name", "container": "container",
    "blob": "blob_name", "ETag": "etag", "SHA-256": "sha256", "bytes": "size_bytes", "step": "step",
    "failed tries": "failed_try_count",
}  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 if it is known, 1 if nobody knows it. Raises StackError if the API cannot answer."""
    api = run_api(arguments.url)
    runs = _find(api, arguments.what)
    if arguments.json:
        print(json.dumps(runs, indent=1))
    elif not runs:
        print(f"No run or image is known as {printable(arguments.what)}.")
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
        words.append(f"because of {run['cause']}; next try {value(run, 'next_try_at')}")
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
        if (found := value(run, name)) not in (None, "", 0):
            table.add_row(Text(label, style="dim"), Text(printable(str(found))))
    for name, path in (run.get("links") or {}).items():
        table.add_row(Text(name, style="dim"), Text(printable(f"{url}{path}")))
    return table


@dataclass(frozen=True)
class Step:
    """What happened when; ``state`` is the run's state that it belongs to, ``why`` an error or a name."""

    at: datetime
    what: str
    state: str
    why: str = ""


def timeline(run: dict[str, Any]) -> list[Step]:
    """The steps of a run as the API tells of it, oldest first; what has no time is left out."""
    attempt, state = int(run.get("attempt") or 1), str(run.get("state", ""))
    again = f"Attempt {attempt}"
    told = [
        _step(run.get("captured_at"), "File complete on the device", "waiting", run.get("source_name")),
        _step(_stored_at(run), "Blob stored", "waiting", run.get("blob_name")),
        *(
            _step(past.get("finished_at"), f"Attempt {past['attempt']}: {past['outcome']}", past["outcome"],
                  _because(past))
            for past in value(run, "earlier_attempts") or ()
        ),
        _step(run.get("started_at"), f"{again} began" if attempt > 1 else "Run began", "running"),
        *(
            _step(failed.get("at"), f"Try {failed['number']} of {failed['step']} failed", "retrying",
                  failed.get("error"))
            for failed in value(run, "failed_tries") or ()
        ),
    ]  # fmt: skip
    if state in _ENDED:
        ending = f"{again}: {state}" if attempt > 1 else state.capitalize()
        told.append(_step(run.get("finished_at"), ending, state, _because(run)))
        told.append(_step(run.get("committed_at"), "Row committed", state))
    else:
        told.append(_step(value(run, "next_try_at"), "Next try", "retrying"))
    return sorted((step for step in told if step is not None), key=lambda step: step.at)


def value(run: dict[str, Any], name: str) -> Any:
    """A field of a run; None if the API does not send it, under its present or its former name."""
    return run[name] if name in run else run.get(_FORMERLY.get(name, name))


def _step(at: object, what: str, state: str, why: object = None) -> Step | None:
    return Step(datetime.fromisoformat(str(at)), what, state, str(why or "")) if at else None


def _because(ending: dict[str, Any]) -> str:
    return ": ".join(str(part) for part in (ending.get("reason"), ending.get("detail")) if part)


def _stored_at(run: dict[str, Any]) -> object:
    """Storage tells whole seconds, cut off: a blob can seem older than its file by a part of one."""
    captured, uploaded = run.get("captured_at"), run.get("uploaded_at")
    if captured and uploaded:
        early = datetime.fromisoformat(captured) - datetime.fromisoformat(uploaded)
        if timedelta(0) < early < timedelta(seconds=1):
            return captured
    return uploaded
