"""The main job from end to end: start everything, make images (or take a folder of them), reconcile."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local_stack.errors import StackError
from local_stack.operate import times
from local_stack.operate.run_api import RunApi
from local_stack.processes import ChildProcess
from local_stack.reconcile import evidence
from local_stack.reconcile.reconciliation import Reconciliation
from local_stack.reconcile.second_reader import expected_sum
from local_stack.run import parts
from local_stack.run.demo_report import DemoResult, print_report, save_histogram
from local_stack.run.live_view import LiveView, Snapshot
from local_stack.run.stack import Stack, stack_up
from local_stack.state_folder import PROJECT_ROOT, StateFolder
from local_stack.terminal import say

_POLL_SECONDS = 0.5


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 only if every image is accounted for and every sum is the one in the device's manifest."""
    if arguments.input is not None and not arguments.input.is_dir():
        raise StackError(
            f"--input {arguments.input} is not a folder.", "name a folder that holds image files"
        )
    state = StateFolder()
    stamp = datetime.now(UTC).strftime("%Y%m%dt%H%M%S")
    prefix = f"demo-{stamp}-"
    with stack_up(state, arguments.host, f"demo-{stamp}") as stack:
        api = RunApi(stack.url)
        before = api.counts()
        started = time.monotonic()
        stack.feed(_feeder(arguments, state, prefix))
        complete = _watch(stack, api, before, prefix, arguments.timeout)
        seconds = time.monotonic() - started
        if arguments.input is not None:
            _complete_manifest(state, prefix, arguments.input)
        result, sums = _result(stack, api, prefix, seconds)
        if not complete:
            say(f"  ✗ Not every image had ended after {arguments.timeout:.0f} s")
        picture = state.root / f"{prefix}scores.png"
        if sums:
            save_histogram(sums, picture)
            result = replace(result, histogram=str(picture))
        if arguments.json is not None:
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
            arguments.json.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
        print_report(result, sums, _example_run(api, prefix), stack.url)
        if arguments.keep:
            say("  Everything stays up; Ctrl-C ends it.")
            _keep(stack)
    return 0 if complete and result.balanced else 1


def _feeder(arguments: argparse.Namespace, state: StateFolder, prefix: str) -> ChildProcess:
    manifest = str(state.manifests / f"{prefix}truth.jsonl")
    if arguments.input is not None:
        what = ["feed", "--input", str(arguments.input.resolve()), "--prefix", prefix]
    else:
        what = ["simulate", "--images", str(arguments.images), "--bad", str(arguments.bad),
                "--seed", str(arguments.seed), "--prefix", prefix.rstrip("-")]  # fmt: skip
    command = [sys.executable, "-m", "local_agent", *what, "--rate", str(arguments.rate),
               "--inbox", str(state.inbox), "--manifest", manifest]  # fmt: skip
    return ChildProcess("The simulator", command, os.environ, state.logs / "simulator.log", PROJECT_ROOT)


def _watch(stack: Stack, api: RunApi, before: dict[str, int], prefix: str, timeout: float) -> bool:
    """Show the flow until every image that was made has ended; False if that takes longer than ``timeout``."""
    started = time.monotonic()
    manifest = stack.state.manifests / f"{prefix}truth.jsonl"
    told = before
    with LiveView() as view:
        while time.monotonic() - started < timeout:
            stack.watch()
            made = _line_count(manifest)
            now = api.counts()
            told = now or told  # while the database is away nobody can count: the last figures stand
            counts = {name: number - before.get(name, 0) for name, number in told.items()}
            retrying = max(0, counts.pop("retrying", 0))
            counts["running"] = max(0, counts.get("running", 0)) + retrying
            counts["made"] = made
            counts["uploaded"] = max(_uploaded(stack), 0)
            fed = _feeder_ended(stack)
            note = _why_retrying(api) if retrying or not now else ""
            seconds = time.monotonic() - started
            view.show(Snapshot(counts, made if fed else None, seconds, _newest_latency(api), note))
            if fed and _all_ended(stack, api, prefix, made):
                return True
            time.sleep(_POLL_SECONDS)
    return False


def _feeder_ended(stack: Stack) -> bool:
    if stack.feeder is None or stack.feeder.exit_code() is None:
        return False
    if stack.feeder.exit_code() != 0:
        stack.feeder.check()
    return True


def _uploaded(stack: Stack) -> int:
    return int(str(parts.agent_status(stack.state).get("uploaded", 0)))


def _newest_latency(api: RunApi) -> float | None:
    try:
        _, page = api.get("runs", {"limit": "20", "state": "scored"})
    except StackError:
        return None
    seconds = [value for run in page.get("runs", []) if (value := times.file_to_row(run)) is not None]
    return times.percentiles(seconds)["p50"]


def _why_retrying(api: RunApi) -> str:
    """What one of the runs that wait for their next try says of it; the API knows that without its database."""
    try:
        _, page = api.get("runs", {"state": "retrying", "limit": "1"})
    except StackError:
        return ""
    return "".join(f"retrying: {run['cause']}" for run in page.get("runs", []) if run.get("cause"))


def _all_ended(stack: Stack, api: RunApi, prefix: str, made: int) -> bool:
    try:
        ended = {run["source_name"] for run in _runs(api, prefix) if run.get("outcome") in evidence.ENDED}
    except StackError:
        return False  # the database is away: its runs have not ended, and the time limit still holds
    rejected = {name for name, _, place in evidence.device_files(stack.state)
                 if place == "rejected" and name.startswith(prefix)}  # fmt: skip
    return len(ended | rejected) >= made


def _runs(api: RunApi, prefix: str) -> list[dict[str, Any]]:
    return [
        run
        for run in api.runs({"device": prefix.rstrip("-")})
        if (run.get("source_name") or "").startswith(prefix)
    ]


def _result(stack: Stack, api: RunApi, prefix: str, seconds: float) -> tuple[DemoResult, list[int]]:
    found = evidence.reconcile(stack.state, stack.storage, parts.CONTAINER, api, prefix)
    runs = _runs(api, prefix)
    sums = [value for run in runs if (value := evidence.pixel_sum(run)) is not None]
    waited = [taken for run in runs if (taken := times.file_to_row(run)) is not None]
    return _figures(stack, found, seconds, waited, prefix), sums


def _figures(
    stack: Stack, found: Reconciliation, seconds: float, waited: list[float], prefix: str
) -> DemoResult:
    return DemoResult(
        host=stack.host_kind, made=found.made, uploaded=found.uploaded, scored=found.scored,
        rejected=found.rejected, failed=found.failed, waiting=found.waiting, lost=found.lost,
        duplicate_rows=found.duplicate_rows, wrong_sums=found.wrong_sums,
        balanced=found.balanced and found.waiting == 0 and found.failed == 0, seconds=round(seconds, 2),
        images_per_second=round(found.made / seconds, 2) if seconds else 0.0,
        latency_seconds=times.percentiles(waited), device_id=prefix.rstrip("-"),
        database=_database(stack), histogram="",
        discrepancies=[asdict(item) for item in (*found.discrepancies, *found.unfinished)],
    )  # fmt: skip


def _complete_manifest(state: StateFolder, prefix: str, folder: Path) -> None:
    """Images taken from a folder carry no sum of their own: an independent reader supplies it.

    Two files of the same bytes have the same sum, so the manifest's SHA-256 finds the answer.
    """
    files = (path for path in folder.rglob("*") if path.is_file())
    sums = {hashlib.sha256(data).hexdigest(): expected_sum(data) for data in map(Path.read_bytes, files)}
    path = state.manifests / f"{prefix}truth.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for line in lines:
        line["sum"] = sums[line["sha256"]]
        line["expected"] = "rejected" if line["sum"] is None else "scored"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _example_run(api: RunApi, prefix: str) -> str | None:
    runs = _runs(api, prefix)
    return str(runs[0]["run_id"]) if runs else None


def _database(stack: Stack) -> str:
    setting = stack.environment["SQL_CONNECTION_STRING"]
    return (
        setting.removeprefix("sqlite:///")
        if setting.startswith("sqlite:")
        else "(from SQL_CONNECTION_STRING)"
    )


def _line_count(path: Path) -> int:
    try:
        return path.read_bytes().count(b"\n")
    except OSError:
        return 0


def _keep(stack: Stack) -> None:
    try:
        while True:
            stack.watch()
            time.sleep(1)
    except KeyboardInterrupt:
        say("")
