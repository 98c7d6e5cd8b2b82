"""`python -m functions_host`: the command line, and the end of the process."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from functions_host import __version__
from functions_host.loading.app_settings import DEFAULT_PORT
from functions_host.running.state_directory import DEFAULT_NAME


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
    start.add_argument("--port", type=int, help=f"port to listen on ({DEFAULT_PORT}; 0: any free one)")
    start.add_argument("--address", default="127.0.0.1", help="address to listen on (127.0.0.1)")
    start.add_argument("--enable-auth", action="store_true", help="require keys, as Azure does")
    start.add_argument(
        "--azure-delays",
        action="store_true",
        help="after a kill, wait for what was under way as Azure does: activities 5 minutes, blobs 10",
    )
    reset.add_argument("--function", metavar="NAME", help="only this function's receipts")
    return parser


def _directory(text: str) -> Path:
    """Absolute at once: the host changes its working directory to the app's root later."""
    return Path(text).resolve()


def run() -> None:
    """Run the command and end the process with its exit code."""
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # A `def` function that never returns keeps its thread, and Python would wait for it: leave without asking.
    os._exit(code)


if __name__ == "__main__":
    run()
