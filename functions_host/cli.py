"""The command line: `python -m functions_host [start]` and `reset-receipts`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from functions_host import __version__
from functions_host.app_modules import AppModules
from functions_host.app_settings import effective, read_local_settings, start_variables
from functions_host.application import load_application
from functions_host.blobs.ledger import BlobLedger
from functions_host.durable import DurableError
from functions_host.errors import HostError
from functions_host.host import FunctionsHost, HostConfiguration
from functions_host.listing import listing, painter
from functions_host.logging_setup import set_up_logging
from functions_host.state_directory import DEFAULT_NAME, StateDirectory

_DEFAULT_PORT = 7071


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; exit code 0 fine, 1 refused, 2 wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0].startswith("-") and given[0] not in {"-h", "--help", "--version"}):
        given.insert(0, "start")
    options = _parser().parse_args(given)
    try:
        if options.command == "reset-receipts":
            return _reset_receipts(options)
        return _start(options)
    except (HostError, DurableError) as error:
        print(f"functions_host: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m functions_host",
        description="Run an Azure Functions Python v2 app (HTTP, timer, blob, Durable) on this computer.",
    )
    parser.add_argument("--version", action="version", version=f"functions_host {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="run the app (the default command)")
    reset = commands.add_parser(
        "reset-receipts", help="forget which blobs were seen, so that they fire again"
    )
    for command in (start, reset):
        command.add_argument(
            "--root", type=_directory, default=Path.cwd(), metavar="DIR", help="the app's folder"
        )
        command.add_argument(
            "--state", type=_directory, metavar="DIR", help=f"state folder (ROOT/{DEFAULT_NAME})"
        )
    start.add_argument("--port", type=int, help=f"port to listen on ({_DEFAULT_PORT}; 0: any free one)")
    start.add_argument("--address", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    start.add_argument("--enable-auth", action="store_true", help="require keys, as Azure does")
    reset.add_argument("--function", metavar="NAME", help="only this function's receipts")
    return parser


def _directory(text: str) -> Path:
    """Absolute at once: the host changes its working directory to the app's root later."""
    return Path(text).resolve()


def _start(options: argparse.Namespace) -> int:
    root = options.root
    local = read_local_settings(root)
    port = next(port for port in (options.port, local.http_port, _DEFAULT_PORT) if port is not None)
    settings = effective(os.environ, local.values, start_variables(root, f"{options.address}:{port}"))
    os.environ.update(settings)
    _leave_working_directory_to_the_app(root)
    set_up_logging({})
    AppModules(root, first=False)
    app = load_application(root, settings)
    set_up_logging(app.options.log_levels)
    state = options.state or root / DEFAULT_NAME
    configuration = HostConfiguration(state, options.address, port, options.enable_auth, sys.stderr)
    asyncio.run(_serve(FunctionsHost(app, configuration), options.enable_auth))
    return 0


def _leave_working_directory_to_the_app(root: Path) -> None:
    """`python -m` puts the working directory first on sys.path, where it would shadow the app's modules."""
    if sys.path and Path(sys.path[0] or ".").resolve() == Path.cwd() and Path.cwd() != root:
        del sys.path[0]
    os.chdir(root)


async def _serve(host: FunctionsHost, authorised: bool) -> None:
    stopped = _stop_event()
    await host.start()
    coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    paint = painter(coloured)
    print(listing(host.app, host.origin, paint))
    if authorised:
        print(paint("Keys are required; they are in keys.json of the state folder.", "note"))
    print(paint(f"Host started on {host.origin}. Press Ctrl-C to stop.", "title"), flush=True)
    await stopped.wait()
    print("Stopping.", flush=True)
    await host.stop()


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
        contextlib.closing(BlobLedger(path / "blobs.db")) as ledger,
    ):
        print(f"{ledger.reset_receipts(options.function)} receipts forgotten")
    return 0
