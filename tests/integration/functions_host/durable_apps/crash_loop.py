"""Kills the durable engine at every single commit it makes, and looks whether anything was lost.

    python tests/integration/functions_host/durable_apps/crash_loop.py [--full] [SCENARIO ...]

For each scenario and each number N a process runs the scenario's app and is killed (SIGKILL, by
itself) just before its N-th commit, or just after it; a second process on the same file must finish
with the expected output, every effect having happened at least once. N goes up until a run
ends undisturbed. `--full` also kills the second process, at every commit of its own (each pair of
crash points), and lets one run die again and again after two to four commits until it is through.
The crash points live in a wrapped SQLite connection here, not in the engine. One line of JSON per
scenario.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import shutil
import signal
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

APPS = Path(__file__).parent
INSTANCE = "crash-1"
ATTEMPT_SECONDS = 5.0
"""An instance has to resume within 5 s of a restart; here it must even have finished by then."""


@dataclass(frozen=True)
class Scenario:
    """An app, how it is started, and what must come of it whatever happens."""

    app: str
    orchestrator: str
    input: Any
    output: Any
    effects: frozenset[str]
    event: tuple[str, Any] | None = None
    event_when: Callable[[dict[str, Any]], bool] = field(default=lambda status: False)
    operations: tuple[str, ...] = ()


SCENARIOS = {
    "chaining": Scenario(
        "function_chaining",
        "fulfil",
        {"order": "17"},
        "17/reserved/charged/shipped",
        frozenset(("reserve 17", "charge 17/reserved", "ship 17/reserved/charged")),
    ),
    "fan-out": Scenario(
        "fan_out_fan_in",
        "total_size",
        {"files": 4},
        406,
        frozenset(("list 4", *[f"size file-{n}" for n in range(4)])),
    ),
    "monitor": Scenario(
        "monitor",
        "watch_job",
        {"job": "render", "done_after": 2},
        {"state": "done", "polls": 3},
        frozenset(("poll 0", "poll 1", "poll 2", "notify render done")),
    ),
    "approval": Scenario(
        "human_interaction",
        "ask_approval",
        {"request": "holiday"},
        "processed yes",
        frozenset(("send holiday", "process yes")),
        event=("Approval", "yes"),
        event_when=lambda status: status["customStatus"] == "waiting for approval",
    ),
    "timeout": Scenario(
        "human_interaction",
        "ask_approval",
        {"request": "holiday"},
        "escalated holiday",
        frozenset(("send holiday", "escalate holiday")),
    ),
    "eternal": Scenario(
        "eternal_orchestration",
        "clean_up",
        {"round": 0, "swept": 0, "rounds": 3},
        {"round": 3, "swept": 6, "rounds": 3},
        frozenset(("sweep 0", "sweep 1", "sweep 2")),
    ),
    "sub-orchestrations": Scenario(
        "sub_orchestrations",
        "provision_all",
        {"devices": ["a", "b"]},
        ["installed package for a", "installed package for b"],
        frozenset(f"{verb} a" for verb in ("package", "install package for"))
        | frozenset(f"{verb} b" for verb in ("package", "install package for")),
    ),
    "retries": Scenario(
        "retries_exhausted",
        "transfer",
        {"from": "A", "to": "B"},
        {
            "undone": "A",
            "reason": "Activity function 'credit' failed: ConnectionError: the bank of B does not answer",
        },
        frozenset(("debit A", "credit B", "undo A")),
    ),
    "suspended": Scenario(
        "function_chaining",
        "fulfil",
        {"order": "17"},
        "17/reserved/charged/shipped",
        frozenset(("reserve 17", "charge 17/reserved", "ship 17/reserved/charged")),
        operations=("suspend", "resume"),
    ),
}


class CrashPoint:
    """Counts the commits of all connections; at the chosen one the process kills itself."""

    def __init__(self, number: int, *, before: bool) -> None:
        self.number = number
        self.before = before
        self.commits = 0

    def connect(self, path: str) -> sqlite3.Connection:
        point = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                if sql != "COMMIT":
                    return super().execute(sql, *parameters)
                point.commits += 1
                if point.commits == point.number and point.before:
                    os.kill(os.getpid(), signal.SIGKILL)
                done = super().execute(sql, *parameters)
                if point.commits == point.number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return done

        return sqlite3.connect(
            path, isolation_level=None, cached_statements=256, check_same_thread=False, factory=Connection
        )


async def attempt(scenario: Scenario, folder: Path, point: CrashPoint) -> dict[str, Any]:
    """Run the scenario to its end on the state in `folder`; the final status."""
    from aiohttp import ClientSession, web

    from functions_host.clock import VirtualClock
    from functions_host.durable import DurableEngine, DurableOptions
    from functions_host.invoking.invocation import Invoker
    from functions_host.invoking.logs import InvocationLog
    from functions_host.running.app_catalog import AppCatalog
    from functions_host.running.application import load_application

    root = APPS / scenario.app
    sys.path.insert(0, str(root))
    app = load_application(root, dict(os.environ))
    with Path(os.devnull).open("w") as quiet:
        invoker = Invoker(2, None, InvocationLog(quiet, {}))
        engine = DurableEngine(
            folder / "hub.db",
            DurableOptions.from_host_json(app.options.document),
            AppCatalog(app.functions, invoker),
            # Where a client's event must beat a timer, time stands still.
            VirtualClock(auto_advance=scenario.event is None, settle_seconds=0.02),
            connect=point.connect,
        )
        await engine.start()
        mounted = web.Application()
        mounted.add_routes(engine.management_routes())
        runner = web.AppRunner(mounted, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = "http://{}:{}".format(*runner.addresses[0][:2])
        async with asyncio.timeout(ATTEMPT_SECONDS), ClientSession(base) as session:
            status = await drive(session, scenario)
        await runner.cleanup()
        await engine.stop(1.0)
        invoker.close()
    return status


async def drive(session: Any, scenario: Scenario) -> dict[str, Any]:
    """What clients do: start it if it is not there, and again whatever has not been seen to work."""
    asked: set[str] = set()
    path = f"/instances/{INSTANCE}"
    while True:
        async with session.get(path) as answer:
            if answer.status == 404:
                body = json.dumps(json.dumps(scenario.input))
                url = f"/orchestrators/{scenario.orchestrator}/{INSTANCE}"
                async with session.post(url, data=body) as started:
                    assert started.status == 202, await started.text()
                continue
            status: dict[str, Any] = await answer.json()
        if status["runtimeStatus"] in ("Completed", "Failed", "Terminated"):
            return status
        for operation in scenario.operations:
            if operation not in asked:
                asked.add(operation)
                async with session.post(f"{path}/{operation}?reason=crash"):
                    pass
        if scenario.event and "event" not in asked and scenario.event_when(status):
            asked.add("event")
            name, data = scenario.event
            async with session.post(f"{path}/raiseEvent/{name}", json=data) as answer:
                assert answer.status in (202, 410), answer.status
        await asyncio.sleep(0.002)


def in_a_process(scenario: Scenario, folder: Path, point: CrashPoint) -> int | dict[str, Any]:
    """Fork, run, and give the final status, or the signal that ended it. Forking spares the imports."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.environ["EFFECTS_FILE"] = str(folder / "effects")
        try:
            answer = {"status": asyncio.run(attempt(scenario, folder, point)), "commits": point.commits}
        except BaseException:
            answer = {"error": traceback.format_exc()}
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    _, ended = os.waitpid(child, 0)
    if os.WIFSIGNALED(ended):
        return os.WTERMSIG(ended)
    result: dict[str, Any] = json.loads(text)
    return result


def verify(scenario: Scenario, folder: Path, result: int | dict[str, Any], where: str) -> None:
    """Nothing lost, nothing stuck; raises AssertionError saying where the crash was."""
    assert isinstance(result, dict), f"{where}: killed although no crash was asked for"
    assert "error" not in result, f"{where}:\n{result['error']}"
    status = result["status"]
    assert status["runtimeStatus"] == "Completed", f"{where}: {status}"
    assert status["output"] == scenario.output, f"{where}: {status['output']}"
    effects = set((folder / "effects").read_text().splitlines())
    assert effects == scenario.effects, f"{where}: effects {sorted(effects)}"


def crash_everywhere(scenario: Scenario, *, full: bool) -> dict[str, int]:
    """All crash points of one scenario; how many there were."""
    crashes = 0
    commits = 0
    for before in (True, False):
        number = 0
        while True:
            number += 1
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                first = in_a_process(scenario, folder, CrashPoint(number, before=before))
                where = f"{'before' if before else 'after'} commit {number}"
                if isinstance(first, dict):
                    verify(scenario, folder, first, "undisturbed")
                    commits = number - 1
                    break
                assert first == signal.SIGKILL, where
                crashes += 1
                if full:
                    crashes += crash_again_at_each_commit(scenario, folder, where, before=before)
                    crashes += crash_until_through(scenario, folder, where, before=before)
                recovered = in_a_process(scenario, folder, CrashPoint(0, before=before))
                verify(scenario, folder, recovered, where)
    return {"commits": commits, "crashes": crashes}


def crash_again_at_each_commit(scenario: Scenario, folder: Path, where: str, *, before: bool) -> int:
    """From the state a crash has left, die once more at each commit, then finish. Crashes made."""
    for number in range(1, 500):
        with tempfile.TemporaryDirectory() as name:
            copy = Path(name) / "state"
            shutil.copytree(folder, copy)
            second = in_a_process(scenario, copy, CrashPoint(number, before=before))
            again = f"{where}, then at commit {number}"
            if isinstance(second, dict):
                verify(scenario, copy, second, again)
                return number - 1
            verify(scenario, copy, in_a_process(scenario, copy, CrashPoint(0, before=before)), again)
    raise AssertionError(f"{where}: no end to its commits")


def crash_until_through(scenario: Scenario, folder: Path, where: str, *, before: bool) -> int:
    """Die after every few commits until a process gets to the end. Crashes made."""
    for made in range(500):
        # A first commit may be no more than a lease; two to four let every process get somewhere.
        result = in_a_process(scenario, folder, CrashPoint(2 + made % 3, before=before))
        if isinstance(result, dict):
            verify(scenario, folder, result, f"{where}, then every few commits")
            return made
    raise AssertionError(f"{where}: no progress between crashes")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}")
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    # The parent only forks: import what the children need, start no thread and no loop.
    import aiohttp.web
    import azure.durable_functions

    assert aiohttp.web
    assert azure.durable_functions
    for name in options.scenarios or SCENARIOS:
        found = crash_everywhere(SCENARIOS[name], full=options.full)
        print(json.dumps({"scenario": name, **found}), flush=True)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(APPS.parents[3]))
    sys.exit(main())
