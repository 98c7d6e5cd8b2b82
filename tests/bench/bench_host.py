"""How fast the embedded host runs orchestrations, beside Microsoft's in-memory test backend.

    python tests/bench/bench_host.py --json FILE

The work is one orchestration of three activities in sequence, each adding one. Two child processes
take turns, batch by batch, in the same run: `host` is the embedded host's engine, catalog and invoker
with the state in a SQLite file, started through its HTTP API; `durabletask` is the backend, worker and
client of `durabletask.testing.in_memory_backend` as its own docstring shows, everything in memory.
`ratio_to_durabletask` is the median of the batch-by-batch ratios of orchestrations per second. The host's
batches are the larger ones, so that both sides' last about as long and meet the same load of the machine.
`host_cpu_ms` and `durabletask_cpu_ms` are processor time for one orchestration, client included: on a machine
that does other work they say more than the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
BATCH = 200
HOST_BATCH = 1000
ROUNDS = 5
LATENCY_SAMPLES = 200
FINISHED = 10_000
PAIRS = 15


def host_side() -> None:
    """Child process: the embedded host."""
    sys.path.insert(0, str(ROOT))
    asyncio.run(_host())


async def _host() -> None:
    from aiohttp import ClientSession

    from local_stack.operate.times import percentile

    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(ClientSession())
        url = await stack.enter_async_context(_hub())
        for line in sys.stdin:
            if line.strip() == "batch":
                before = time.process_time()
                per_second = await _batch(session, url, HOST_BATCH)
                _say({"per_second": per_second, "cpu_ms": _cpu_ms(before, HOST_BATCH)})
            elif line.strip() == "latency":
                samples = sorted([await _one(session, url) for _ in range(LATENCY_SAMPLES)])
                _say({"p50_ms": percentile(samples, 50) * 1000, "p99_ms": percentile(samples, 99) * 1000})
            elif line.strip() == "fill":
                for _ in range(FINISHED // 1000):
                    await _batch(session, url, 1000)
                memory = _memory_mb()
                young = await stack.enter_async_context(_hub())
                await _batch(session, young, BATCH)  # warm-up
                _say(await _old_beside_young(session, url, young) | {"memory_mb_after_10000": memory})
            else:
                break


@asynccontextmanager
async def _hub() -> AsyncIterator[str]:
    """An engine on a new file behind HTTP; the URL that starts one orchestration."""
    import azure.durable_functions as df
    from aiohttp import web

    from functions_host.clock import SystemClock
    from functions_host.durable import DurableEngine, DurableOptions
    from functions_host.invoking.invocation import Invoker
    from functions_host.invoking.logs import InvocationLog
    from functions_host.loading.indexing import load_function
    from functions_host.running.app_catalog import AppCatalog

    app = df.DFApp()

    @app.orchestration_trigger(context_name="context")
    def three(context: df.DurableOrchestrationContext) -> Any:
        value = yield context.call_activity("add_one", context.get_input())
        value = yield context.call_activity("add_one", value)
        value = yield context.call_activity("add_one", value)
        return value

    @app.activity_trigger(input_name="number")
    def add_one(number: int) -> int:
        return number + 1

    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as quiet:
        invoker = Invoker(None, None, InvocationLog(quiet, {}))
        catalog = AppCatalog([load_function(f) for f in app.get_functions()], invoker)
        engine = DurableEngine(Path(folder) / "hub.db", DurableOptions(), catalog, SystemClock())
        await engine.start()
        mounted = web.Application()
        mounted.add_routes(engine.management_routes())
        outer = web.Application()
        outer.add_subapp("/durabletask", mounted)
        runner = web.AppRunner(outer, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        try:
            yield f"http://{host}:{port}/durabletask/orchestrators/three?timeout=60&pollingInterval=1"
        finally:
            await runner.cleanup()
            await engine.stop(1)
            invoker.close()


async def _one(session: Any, url: str) -> float:
    """Start through HTTP and wait for the output; seconds it took."""
    before = time.perf_counter()
    async with session.post(url, json="1") as answer:
        output = await answer.json()
    assert (answer.status, output) == (200, 4), (answer.status, output)
    return time.perf_counter() - before


async def _batch(session: Any, url: str, size: int) -> float:
    """Orchestrations per second with up to 100 (aiohttp's connection limit) at a time."""
    before = time.perf_counter()
    await asyncio.gather(*[_one(session, url) for _ in range(size)])
    return size / (time.perf_counter() - before)


async def _old_beside_young(session: Any, old: str, young: str) -> dict[str, float]:
    """The hub with FINISHED instances against a young one, batch by batch in turn."""
    pairs = [(await _batch(session, old, BATCH), await _batch(session, young, BATCH)) for _ in range(PAIRS)]
    return {
        "old_per_second": statistics.median(old for old, _ in pairs),
        "young_per_second": statistics.median(young for _, young in pairs),
        "slowdown_after_10000": 1 - statistics.median(old / young for old, young in pairs),
    }


def _memory_mb() -> float:
    """Resident memory of this process now."""
    fields = Path("/proc/self/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def durabletask_side() -> None:
    """Child process: durabletask's own backend, worker and client."""
    from durabletask.client import TaskHubGrpcClient
    from durabletask.testing.in_memory_backend import create_test_backend
    from durabletask.worker import TaskHubGrpcWorker

    logging.disable(logging.WARNING)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    backend = create_test_backend(port=port)
    client = TaskHubGrpcClient(host_address=f"localhost:{port}")
    with TaskHubGrpcWorker(host_address=f"localhost:{port}") as worker:

        def add_one(context: Any, number: int) -> int:
            return number + 1

        def three(context: Any, value: int) -> Any:
            value = yield context.call_activity(add_one, input=value)
            value = yield context.call_activity(add_one, input=value)
            value = yield context.call_activity(add_one, input=value)
            return value

        worker.add_activity(add_one)
        worker.add_orchestrator(three)
        worker.start()  # type: ignore[no-untyped-call]

        def batch() -> float:
            before = time.perf_counter()
            ids = [client.schedule_new_orchestration(three, input=1) for _ in range(BATCH)]
            for instance_id in ids:
                state = client.wait_for_orchestration_completion(instance_id, timeout=120)
                assert state is not None
                assert state.serialized_output == "4", state
            return BATCH / (time.perf_counter() - before)

        for line in sys.stdin:
            if line.strip() != "batch":
                break
            before = time.process_time()
            _say({"per_second": batch(), "cpu_ms": _cpu_ms(before, BATCH)})
    backend.stop()


def _cpu_ms(before: float, size: int) -> float:
    """Processor time of this process for each of `size` orchestrations, all threads together."""
    return (time.process_time() - before) * 1000 / size


def _say(answer: dict[str, float]) -> None:
    print(json.dumps(answer), flush=True)


class Side:
    """One child process that measures on request."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--side", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, command: str) -> dict[str, float]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        answer: dict[str, float] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate("stop\n", timeout=30)


def measure(rounds: int, *, fill: bool) -> dict[str, Any]:
    """All figures of one run, and how busy the machine was before it (load average of a minute)."""
    load = os.getloadavg()[0]
    host, other = Side("host"), Side("durabletask")
    try:
        for side in (host, other):
            side.ask("batch")  # warm-up: imports, connections, first checkpoints
        answers = [(host.ask("batch"), other.ask("batch")) for _ in range(rounds)]
        pairs = [(ours["per_second"], theirs["per_second"]) for ours, theirs in answers]
        host_cpu = statistics.median(ours["cpu_ms"] for ours, _ in answers)
        durabletask_cpu = statistics.median(theirs["cpu_ms"] for _, theirs in answers)
        figures: dict[str, Any] = {
            "load_before": load,
            "ratio_to_durabletask": statistics.median(ours / theirs for ours, theirs in pairs),
            "ratio_min": min(ours / theirs for ours, theirs in pairs),
            "host_per_second": statistics.median(ours for ours, _ in pairs),
            "durabletask_per_second": statistics.median(theirs for _, theirs in pairs),
            "host_cpu_ms": host_cpu,
            "durabletask_cpu_ms": durabletask_cpu,
            "rounds": rounds,
            "batch": BATCH,
            "host_batch": HOST_BATCH,
            **host.ask("latency"),
        }
        if fill:
            figures |= host.ask("fill")
    finally:
        host.close()
        other.close()
    return figures


def _rounded(figures: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in figures.items():
        yield key, round(value, 3) if isinstance(value, float) else value


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true", help="leave out the 10,000 instances")
    parser.add_argument("--side", choices=("host", "durabletask"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side == "host":
        host_side()
        return 0
    if options.side == "durabletask":
        durabletask_side()
        return 0
    figures = dict(_rounded(measure(options.rounds, fill=not options.quick)))
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
