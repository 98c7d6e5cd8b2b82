"""The commands behind the command line: `start` serves an app until a signal, `reset-receipts` forgets blob receipts.

`listing` is what `start` prints: the functions, HTTP ones with their URLs.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from functions_host.durable import DurableError
from functions_host.errors import HostError
from functions_host.invoking.logs import set_up_logging
from functions_host.loading.app_modules import AppModules
from functions_host.loading.app_settings import DEFAULT_PORT, effective, read_local_settings, start_variables
from functions_host.loading.functions import LoadedFunction
from functions_host.running.application import Application, load_application
from functions_host.running.host import FunctionsHost, HostConfiguration
from functions_host.running.state_directory import DEFAULT_NAME, StateDirectory
from functions_host.triggers.blobs.queue import BlobTriggerQueue


def run_command(options: argparse.Namespace) -> int:
    """Run one command; exit code 0, or 1 when refused, with the reason on standard error."""
    try:
        return _reset_receipts(options) if options.command == "reset-receipts" else _start(options)
    except (HostError, DurableError) as error:
        print(f"functions_host: {error}", file=sys.stderr)
        return 1


def _start(options: argparse.Namespace) -> int:
    root = options.root
    local = read_local_settings(root)
    port = next(port for port in (options.port, local.http_port, DEFAULT_PORT) if port is not None)
    state = options.state or root / DEFAULT_NAME
    configuration = HostConfiguration(
        state,
        options.address,
        port,
        options.enable_auth,
        sys.stderr,
        options.azure_delays,
        tuple(options.allow_host),
    )
    settings = effective(os.environ, local.values, start_variables(root, f"{options.address}:{port}"))
    os.environ.update(settings)
    _leave_working_directory_to_the_app(root)
    set_up_logging({})
    AppModules(root, first=False)
    app = load_application(root, settings)
    set_up_logging(app.options.log_levels)
    return asyncio.run(_serve(FunctionsHost(app, configuration), options.enable_auth))


def _leave_working_directory_to_the_app(root: Path) -> None:
    """`python -m` puts the working directory first on sys.path, where it would shadow the app's modules."""
    if sys.path and Path(sys.path[0] or ".").resolve() == Path.cwd() and Path.cwd() != root:
        del sys.path[0]
    os.chdir(root)


async def _serve(host: FunctionsHost, authorised: bool) -> int:
    """Serve until a signal: 0; or until the worker has crashed too often: 1, so that a supervisor starts it again."""
    stopped = _stop_event()
    await host.start()
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    paint = painter(coloured)
    print(listing(host.app, host.origin, paint))
    if authorised:
        print(paint("Keys are required; they are in keys.json of the state folder.", "note"))
    print(paint(f"Host started on {host.origin}. Press Ctrl-C to stop.", "title"), flush=True)
    ends = [asyncio.ensure_future(event.wait()) for event in (stopped, host.recycling)]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for end in ends:
        end.cancel()
    print("Stopping.", flush=True)
    await host.stop()
    return 0 if stopped.is_set() else 1


def _stop_event() -> asyncio.Event:
    """Set by SIGTERM or Ctrl-C, on every operating system."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
    return stopped


def _reset_receipts(options: argparse.Namespace) -> int:
    root = options.root
    path = options.state or root / DEFAULT_NAME
    with (
        contextlib.closing(StateDirectory(path)),
        contextlib.closing(BlobTriggerQueue(path / "blobs.db")) as queue,
    ):
        print(f"{queue.reset_receipts(options.function)} receipts forgotten")
    return 0


Paint = Callable[[str, str], str]

_COLOURS = {"name": "\x1b[33m", "url": "\x1b[32m", "note": "\x1b[90m", "title": "\x1b[1m"}


def painter(coloured: bool) -> Paint:
    """Colours text by role, or leaves it alone."""
    if not coloured:
        return lambda text, role: text
    return lambda text, role: f"{_COLOURS[role]}{text}\x1b[0m"


def listing(app: Application, origin: str, paint: Paint) -> str:
    """All functions, HTTP ones with their URLs first."""
    if not app.functions:
        return paint(f"No functions found in {app.root}: is there a function_app.py at its root?", "title")
    lines = [paint("Functions:", "title"), ""]
    width = max(len(function.name) for function in app.functions)
    for kind in ("http", "blob", "timer", "orchestration", "activity"):
        for function in app.functions:
            if function.kind == kind:
                name = paint(f"{function.name:>{width + 4}}", "name")
                lines.append(f"{name}: {'  '.join(_details(app, function, origin, paint))}")
    return "\n".join([*lines, ""])


def _details(app: Application, function: LoadedFunction, origin: str, paint: Paint) -> Iterator[str]:
    yield paint(f"{function.kind}Trigger", "note")
    if function.kind == "http":
        route = next(route for route in app.routes if route.function is function)
        yield f"[{','.join(sorted(route.methods)) or 'any method'}]"
        yield paint(origin + route.path, "url")
    elif function.kind == "timer":
        timer = next(timer for timer in app.timers if timer.function is function)
        yield timer.expression
    elif function.kind == "blob":
        blob = next(blob for blob in app.blobs if blob.function is function)
        yield f"{blob.pattern.container}/{blob.pattern.text}"
        if not blob.polled:
            webhook = f"{origin}/runtime/webhooks/blobs?functionName=Host.Functions.{function.name}"
            yield paint(f"source EventGrid: not polled; post events to {webhook}", "note")
    elif function.durable_name != function.name:
        yield paint(f"as {function.durable_name}", "note")
