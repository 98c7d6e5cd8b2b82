"""How long the run API and the dashboard take with very many rows, on the embedded host, while a demo runs.

    python3 pipeline.py bench api [--rows 100000] [--readers 20] [--seconds 15] [--rate 5] [--json FILE]

Starts the whole stack (Azurite, host, Spark agent) on a database that already holds the rows, lets the
simulator make images at that rate, and meanwhile has 20 readers ask, each as fast as it is answered: for
single runs spread over all rows, for the newest page of 100, and for pages of 100 anywhere in the table.
The goal is a p95 under 25 ms for a run and 150 ms for the newest page, and a dashboard (Chromium,
where present) whose first rows show within 1 s; exit 1 if one is missed. Everything shares one computer.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from local_stack.operate.run_api import RunApi
from local_stack.processes import ChildProcess, wait_until
from local_stack.run.stack import Stack, stack_up
from local_stack.state_folder import PROJECT_ROOT, StateFolder

http_readers = importlib.import_module("http_readers")
rows_of = importlib.import_module("bench_queries")  # the store's own benchmark makes the rows
LIMITS_MS = {"run": 25.0, "newest_page": 150.0, "dashboard": 1000.0}
BROWSER_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip


def main() -> int:
    """Make the rows, start the stack, measure, print; 1 if a limit is missed."""
    options = parsed()
    with tempfile.TemporaryDirectory() as folder:
        state = StateFolder(Path(folder) / ".local")
        state.create()
        rows_of.make(state.database, options.rows)
        with (
            stack_up(state, "embedded", "bench-device", with_agent=options.rate > 0) as stack,
            images_moving(stack, options.rate),
        ):
            result = measure(RunApi(stack.url), options)
    print(json.dumps(result, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 1 if result["missed"] else 0


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--readers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=15, help="of each figure")
    parser.add_argument("--rate", type=float, default=5, help="images per second meanwhile; 0: no demo")
    parser.add_argument("--pause", type=float, default=0, help="seconds between a reader's questions")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


@contextmanager
def images_moving(stack: Stack, rate: float) -> Iterator[None]:
    """A simulator feeds the device's folder for the length of the block, from its first scored image on."""
    if rate <= 0:
        yield
        return
    api = RunApi(stack.url)
    before = api.counts()["scored"]
    truth = str(stack.state.manifests / "bench-truth.jsonl")
    command = [sys.executable, "-m", "local_agent", "simulate", "--endless", "--bad", "3", "--seed", "1",
               "--prefix", "bench", "--rate", str(rate), "--inbox", str(stack.state.inbox),
               "--manifest", truth]  # fmt: skip
    stack.feed(
        ChildProcess("The simulator", command, os.environ, stack.state.logs / "simulator.log", PROJECT_ROOT)
    )
    if not wait_until(lambda: api.counts()["scored"] > before, 120):
        raise RuntimeError("no image of the demo was scored within 120 s")
    yield


def measure(api: RunApi, options: argparse.Namespace) -> dict[str, object]:
    """All figures, one after the other, and how many images ended meanwhile."""
    started, before = time.monotonic(), ended(api)
    figures = {
        name: read(api.url, path, options)
        for name, path in {
            "run": lambda n: f"/api/runs/{rows_of.run_id(1 + n * 7919 % options.rows)}",
            "newest_page": lambda n: "/api/runs?limit=100",
            "any_page": lambda n: f"/api/runs?limit=100&until={moment(n, options.rows)}",
        }.items()
    }
    if shown := dashboard(api.url):
        figures["dashboard"] = shown
    seconds = time.monotonic() - started
    return {
        "rows": options.rows, "readers": options.readers, "pause_seconds": options.pause, "rate": options.rate,
        "images_ended_meanwhile": ended(api) - before, "seconds": round(seconds, 1),
        "load": round(os.getloadavg()[0], 1), "processors": os.cpu_count(),
        "figures": figures, "limits_p95_ms": LIMITS_MS,
        "missed": [name for name, most in LIMITS_MS.items() if name in figures and figures[name]["p95_ms"] > most],
    }  # fmt: skip


def ended(api: RunApi) -> int:
    counts = api.counts()
    return counts["scored"] + counts["rejected"] + counts["failed"]


def moment(number: int, rows: int) -> str:
    """The commit of some row, as the API reads it; no two of a measurement are the same."""
    when = rows_of.when(1 + number * 7919 % rows, rows) + timedelta(microseconds=number)
    return str(rows_of.text_of(when))


def read(origin: str, path: Callable[[int], str], options: argparse.Namespace) -> dict[str, float]:
    """All readers at once. Raises RuntimeError for any answer but 200."""
    address = urlsplit(origin)
    took = http_readers.read(
        address.hostname or "", address.port or 80, path,
        readers=options.readers, seconds=options.seconds, pause=options.pause,
    )  # fmt: skip
    return {**ranks(took), "requests": len(took), "per_second": round(len(took) / options.seconds, 1)}


def dashboard(origin: str) -> dict[str, float]:
    """From navigation to the first rows, in fresh browser contexts; empty where Chromium is absent."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return {}
    from playwright.sync_api import sync_playwright

    took = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_ARGUMENTS)
        for _ in range(16):
            page = browser.new_context().new_page()
            begun = time.perf_counter()
            page.goto(origin + "/api/dashboard", wait_until="commit")
            page.wait_for_selector("#rows tr")
            took.append(time.perf_counter() - begun)
            page.context.close()
        browser.close()
    return ranks(took[1:])  # the first pays for the browser's own start


def ranks(took: list[float]) -> dict[str, float]:
    """Nearest rank, in milliseconds."""
    ordered = sorted(took)
    return {
        f"p{rank}_ms": round(1000 * ordered[math.ceil(rank / 100 * len(ordered)) - 1], 1)
        for rank in (50, 95, 99)
    }


if __name__ == "__main__":
    sys.exit(main())
