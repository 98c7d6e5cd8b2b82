"""`python -m functions_host`: the command line, and the end of the process."""

import argparse
import atexit
import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from functions_host import __version__
from functions_host.loading.app_settings import DEFAULT_PORT
from functions_host.running.state_directory import DEFAULT_NAME

EXIT_FUNCTIONS_SECONDS = 2.0
"""How long `atexit` functions may take: with the host's own stop (5 s at most) that is below the promised 10 s."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; exit code 0 fine, 1 refused, 2 wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0].startswith("-") and given[0] not in {"-h", "--help", "--version"}):
        given.insert(0, "start")
    options = _parser().parse_args(given)
    from functions_host.commands import run_command  # only here: --help works before anything is installed

    return run_command(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m functions_host",
        description="Run an Azure Functions app of the Python v2 model (HTTP, timer, blob, Durable) on this computer.",
    )
    parser.add_argument("--version", action="version", version=f"functions_host {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    start = commands.add_parser("start", help="run the app (the default command)")
    reset = commands.add_parser(
        "reset-receipts", help="forget which blobs have been handled, so that they fire again"
    )
    for command in (start, reset):
        command.add_argument(
            "--root",
            type=_directory,
            default=Path.cwd(),
            metavar="DIR",
            help="folder of the app (default: the working directory)",
        )
        command.add_argument(
            "--state",
            type=_directory,
            metavar="DIR",
            help=f"folder for what survives a restart (default: ROOT/{DEFAULT_NAME})",
        )
    start.add_argument(
        "--port",
        type=int,
        help=f"port (default: LocalHttpPort of local.settings.json, else {DEFAULT_PORT}; 0: any free port)",
    )
    start.add_argument(
        "--address",
        default="127.0.0.1",
        help="address to listen on (default: 127.0.0.1; one that other computers reach wants --enable-auth)",
    )
    start.add_argument("--enable-auth", action="store_true", help="require keys, as in Azure")
    start.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="without --enable-auth: answer requests for this host name too, and from pages of it (may be repeated)",
    )
    start.add_argument(
        "--azure-delays",
        action="store_true",
        help="after a kill, repeat what was in progress as late as Azure: activities after 5 minutes, blobs after 10",
    )
    reset.add_argument("--function", metavar="NAME", help="only the receipts of this function")
    return parser


def _directory(text: str) -> Path:
    """Absolute at once: the host changes its working directory to the app's root later."""
    return Path(text).resolve()


def run() -> None:
    """Run the command and end the process with its exit code."""
    code = main()
    _run_exit_functions(EXIT_FUNCTIONS_SECONDS)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: Python would wait for the thread of a `def` function that never returns.
    os._exit(code)


def _run_exit_functions(seconds: float) -> None:
    """Run what the app and its libraries registered with `atexit`: OpenTelemetry exports its last spans there.

    In a thread, so that one that hangs (an export to a collector that is gone) cannot keep the process alive.
    """
    running = threading.Thread(target=atexit._run_exitfuncs, name="exit functions", daemon=True)
    running.start()
    running.join(seconds)


if __name__ == "__main__":
    run()
