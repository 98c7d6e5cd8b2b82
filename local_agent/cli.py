"""The agent's command line: simulate, feed, upload, agent-status. Every failure is one clear sentence."""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from local_agent.errors import AgentRunningError, SettingsError, TransientError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit code is documented in docs/local-agent.md."""
    given = _parser().parse_args(arguments)
    try:
        code: int = given.run(given)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except AgentRunningError as error:
        print(f"error: {error}", file=sys.stderr)
        return 4
    except TransientError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"error: {error.filename or ''}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def printable(text: str) -> str:
    """The text with what a terminal would obey written out; a contract test compares with the launcher's commands."""
    return "".join(
        c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}" for c in text
    )


def _parser() -> argparse.ArgumentParser:
    from local_agent.agent.settings import add_upload_arguments

    parser = argparse.ArgumentParser(prog="local_agent", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    simulate = verbs.add_parser("simulate", help="simulate the device: write seeded images into an inbox")
    _device_arguments(simulate)
    simulate.add_argument("--images", type=int, default=100)
    simulate.add_argument("--endless", action="store_true", help="run until stopped")
    simulate.add_argument(
        "--bad", type=int, default=0, help="how many of them are bad (with --endless: of every 100)"
    )
    simulate.add_argument("--seed", type=int, help="default: random, and printed")
    simulate.add_argument("--mode", choices=["grey8", "1bit"], default="grey8")
    simulate.add_argument("--burst", type=int, default=1, help="how many images arrive at once")
    simulate.set_defaults(run=_simulate)

    feed = verbs.add_parser("feed", help="copy image files into an inbox as a device would")
    _device_arguments(feed)
    feed.add_argument("--input", type=Path, required=True, help="folder that holds the files")
    feed.set_defaults(run=_feed)

    upload = verbs.add_parser("upload", help="upload an inbox, once or until stopped")
    add_upload_arguments(upload)
    upload.set_defaults(run=_upload)

    prepare = verbs.add_parser(
        "prepare", help="archive Spark's classes once, which halves the start of every upload"
    )
    prepare.add_argument("--if-missing", action="store_true", help="do nothing if the archive exists")
    prepare.set_defaults(run=_prepare)

    status = verbs.add_parser("agent-status", help="show the agent's last status")
    status.add_argument("--root", type=Path)
    status.add_argument("--status-file", type=Path)
    status.add_argument("--json", action="store_true")
    status.set_defaults(run=_agent_status)
    return parser


def _device_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--inbox", type=Path, help="default: AGENT_INBOX")
    manifest = parser.add_mutually_exclusive_group(required=True)
    manifest.add_argument(
        "--manifest", type=Path, help="JSON Lines file to append to: each image and its expected outcome"
    )
    manifest.add_argument("--truth", type=Path, dest="manifest", help=argparse.SUPPRESS)  # its former name
    parser.add_argument("--rate", type=float, default=10.0, help="images per second; 0: as fast as possible")
    parser.add_argument("--prefix", default="", help="prefix of every file name")


def _inbox(given: argparse.Namespace) -> Path:
    inbox: Path | None = given.inbox or (
        Path(os.environ["AGENT_INBOX"]) if "AGENT_INBOX" in os.environ else None
    )
    if inbox is None:
        raise SettingsError("no inbox given: use --inbox DIR or set AGENT_INBOX")
    return inbox


def _simulate(given: argparse.Namespace) -> int:
    from local_agent.simulator.device import Manifest, simulate
    from local_agent.simulator.images import Mode
    from local_agent.simulator.plan import Run

    if given.burst < 1 or given.images < 0 or not 0 <= given.bad <= max(given.images, 100):
        raise SettingsError(
            "--burst must be at least 1, --images at least 0, and --bad no more than there are images"
        )
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1_000_000)
    run = Run(
        seed, None if given.endless else given.images, given.bad, given.rate, given.burst, Mode(given.mode),
        given.prefix or "image",
    )  # fmt: skip
    with Manifest(given.manifest) as manifest:
        made = simulate(run, _inbox(given), manifest)
    print(json.dumps({"event": "simulated", "images": made, "seed": seed}))
    return 0


def _feed(given: argparse.Namespace) -> int:
    from local_agent.simulator.device import Manifest, feed

    if not given.input.is_dir():
        raise SettingsError(f"{given.input} is not a folder")
    with Manifest(given.manifest) as manifest:
        fed = feed(given.input, _inbox(given), manifest, rate=given.rate, prefix=given.prefix)
    print(json.dumps({"event": "fed", "images": fed}))
    return 0


def _upload(given: argparse.Namespace) -> int:
    from local_agent.agent.settings import upload_settings
    from local_agent.agent.supervisor import Supervisor

    return int(Supervisor(upload_settings(given)).run())


def _prepare(given: argparse.Namespace) -> int:
    from local_agent.agent.class_archive import make_class_archive

    make_class_archive(only_if_missing=given.if_missing)
    return 0


def _agent_status(given: argparse.Namespace) -> int:
    from local_agent.agent.status import read_status

    root = given.root or (Path(os.environ["AGENT_ROOT"]) if "AGENT_ROOT" in os.environ else None)
    path = given.status_file or (root / ".agent" / "status.json" if root else None)
    if path is None:
        raise SettingsError("no status file named: use --root DIR or --status-file FILE")
    try:
        status = read_status(path)
    except FileNotFoundError:
        raise SettingsError(f"{path} does not exist: no agent has run there yet") from None
    except ValueError:
        raise SettingsError(f"{path} is not a status file") from None
    if given.json:
        print(json.dumps(status))
    else:
        for name, value in status.items():
            print(f"{name:<24} {printable(str(value))}")
    return 0
