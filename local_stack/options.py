"""The options of every command that is ours, apart from what the commands do.

Standard library only: ``--help`` and a wrong option are answered before anything is installed.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from local_stack.operate.run_api import KEY_VARIABLE

URL_VARIABLE = "PIPELINE_URL"
_WHEN = "a duration back from now (90s, 15m, 24h, 7d) or ISO 8601"


def demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=200, metavar="N", help="how many images (default 200)")
    parser.add_argument("--rate", type=float, default=40, metavar="R", help="images per second (default 40)")
    parser.add_argument(
        "--bad", type=int, default=6, metavar="N", help="how many of them are bad (default 6)"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulator (default 1)")
    parser.add_argument(
        "--input", type=Path, metavar="DIR", help="use the image files in this folder instead"
    )
    parser.add_argument("--host", choices=("auto", "func", "embedded"), default="auto",
                        help="func (Core Tools), embedded, or auto: func where it works (default auto)")  # fmt: skip
    parser.add_argument("--timeout", type=float, default=300, metavar="S",
                        help="give up after this many seconds (default 300)")  # fmt: skip
    parser.add_argument(
        "--keep", action="store_true", help="keep everything running afterwards, until Ctrl-C"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results to FILE as JSON")


def up(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", choices=("auto", "func", "embedded"), default="auto",
                        help="func (Core Tools), embedded, or auto: func where it works (default auto)")  # fmt: skip
    parser.add_argument(
        "--device-id", default="local-device", help="this device's name (default local-device)"
    )


def status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", metavar="RUN_ID|BLOB", help="a run id (32 hex digits) or a blob name")
    parser.add_argument("--json", action="store_true", help="print the API's response as JSON")
    _url(parser)


def audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the totals and discrepancies as JSON")
    parser.add_argument("--prefix", default="", help="only images whose source name starts with this")
    parser.add_argument(
        "--since",
        metavar="WHEN",
        help=f"only images since then: {_WHEN}",
    )


def package(parser: argparse.ArgumentParser) -> None:
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    parser.add_argument("--output", type=Path, default=Path("dist/function-app.zip"), metavar="FILE",
                        help="where to write it (default %(default)s)")  # fmt: skip
    parser.add_argument("--python", default=running, metavar="X.Y",
                        help="the app's Python version in Azure (default %(default)s)")  # fmt: skip
    parser.add_argument("--host-file", default="host.json", metavar="FILE",
                        help="host.dts.json for the Durable Task Scheduler (default host.json)")  # fmt: skip
    parser.add_argument(
        "--no-dependencies", action="store_true", help="leave the dependencies to Azure's remote build"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")


def recover(parser: argparse.ArgumentParser) -> None:
    """No options."""


def clean(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--all", action="store_true", help="also remove .venv and the installed tools")


def test(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only", action="append", metavar="CHECK", help="run only this check (repeatable; --list names them)"
    )
    parser.add_argument("--list", action="store_true", help="list the checks and exit")
    parser.add_argument("pytest_arguments", nargs="*", metavar="PYTEST_ARGUMENT",
                        help="passed on to pytest, after --: -- -k receipts -x")  # fmt: skip


def faults(parser: argparse.ArgumentParser) -> None:
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument("--quick", action="store_true", help="what CI runs; takes minutes (default)")
    scale.add_argument("--full", action="store_true", help="300 kills, long outages, endurance; takes hours")
    parser.add_argument("--seed", type=int, help="seed, to repeat a run (default: random, and printed)")
    parser.add_argument("--lane", action="append", metavar="LANE", help="run only this lane (repeatable)")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the results to FILE, updated after each fault"
    )
    parser.add_argument("pytest_arguments", nargs="*", metavar="PYTEST_ARGUMENT",
                        help="passed on to pytest, after --: -- -k kills")  # fmt: skip


def bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="which benchmark: tests/bench/bench_NAME.py")
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, metavar="OPTION", help="passed on to it, such as --json FILE"
    )


def doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--cloud", action="store_true", help="examine a deployment in Azure (needs az, signed in)"
    )
    parser.add_argument("--resource-group", metavar="NAME", default=os.environ.get("AZURE_RESOURCE_GROUP", ""),
                        help="with --cloud: the resource group [AZURE_RESOURCE_GROUP]")  # fmt: skip
    parser.add_argument(
        "--app", metavar="NAME", help="with --cloud: the function app, if the group has several"
    )


def runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", choices=("waiting", "running", "retrying", "scored", "rejected", "failed"))
    parser.add_argument("--reason", help="only runs with this reason, such as not_png")
    parser.add_argument("--device", help="only images from this device")
    parser.add_argument("--scorer", help="only images with a score by this scorer, such as pixel_sum")
    parser.add_argument("--since", metavar="WHEN", help=f"only images since then: {_WHEN}")
    parser.add_argument("--until", metavar="WHEN", help="only images before then")
    parser.add_argument(
        "--limit", type=int, default=50, metavar="N", help="show at most N images (default 50)"
    )
    parser.add_argument("--json", action="store_true", help="print the API's response as JSON")
    _url(parser)


def replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_id", nargs="?", metavar="RUN_ID", help="the run to replay (32 hex digits)")
    parser.add_argument("--state", choices=("rejected", "failed"), help="replay every run in this state")
    parser.add_argument("--reason", help="of those, only runs with this reason, such as store_unavailable")
    parser.add_argument("--device", help="of those, only images from this device")
    parser.add_argument("--since", metavar="WHEN", help=f"of those, only runs that ended since then: {_WHEN}")
    parser.add_argument("--until", metavar="WHEN", help="of those, only runs that ended before then")
    parser.add_argument("--dry-run", action="store_true", help="count the runs, replay none")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    _url(parser)


def sweep(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--grace",
        default="60s",
        metavar="DURATION",
        help="leave younger blobs to the trigger: 90s, 15m, … (default 60s)",
    )
    parser.add_argument("--dry-run", action="store_true", help="count the blobs, start nothing")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    _url(parser)


def watch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--window",
        default="1h",
        metavar="DURATION",
        help="the period that rates and latency cover (default 1h)",
    )
    parser.add_argument(
        "--every", type=float, default=2.0, metavar="S", help="seconds between updates (default 2)"
    )
    parser.add_argument("--once", action="store_true", help="print one snapshot and exit")
    _url(parser)


def _url(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default=os.environ.get(URL_VARIABLE),
                        help=f"the deployment's URL (default: {URL_VARIABLE}, else the local pipeline); "
                             f"its function key is read from {KEY_VARIABLE}")  # fmt: skip
