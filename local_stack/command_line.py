"""``python3 pipeline.py <verb>``: what each verb needs installed, and which module does it.

Standard library only, because it runs before anything is installed: ``--help`` of every verb, a wrong
option and ``doctor`` answer at once on a bare machine.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local_stack.errors import CANNOT_RUN, DONE, INTERRUPTED, StackError
from local_stack.install import environment
from local_stack.state_folder import PROJECT_ROOT
from local_stack.terminal import say


@dataclass(frozen=True)
class Verb:
    """One command: its help, what must be installed for it, and where it is.

    ``module`` has ``run(arguments) -> int``, its options are in ``options``; ``part`` passes the words on
    to that part's own command line (``python -m`` and these words) with local defaults filled in.
    """

    help: str
    module: str = ""
    part: tuple[str, ...] = ()
    needs: str | None = "app"
    azurite: bool = False
    java: bool = False


VERBS: dict[str, Verb] = {
    "demo": Verb("run the whole pipeline on simulated images (or --input DIR) and reconcile", "run.demo",
                 needs="stack", azurite=True, java=True),
    "test": Verb("run every check that CI runs", "develop.checks", needs="test", azurite=True, java=True),
    "up": Verb("run everything but the simulator until Ctrl-C", "run.up", needs="stack", azurite=True, java=True),
    "simulate": Verb("write simulated images into the local inbox", part=("local_agent", "simulate"), needs="stack"),
    "upload": Verb("run the Spark agent alone", part=("local_agent", "upload"), needs="stack", java=True),
    "agent-status": Verb("show the agent's last status", part=("local_agent", "agent-status"), needs="stack"),
    "host": Verb("run the function app on the embedded host alone", part=("functions_host", "start")),
    "migrate": Verb("migrate the database to the newest schema (plan, up, status, repair)", part=("sql_migrations",)),
    "status": Verb("show what became of one run or one blob", "operate.status"),
    "runs": Verb("list the newest images, by state, reason, device and time", "operate.runs"),
    "watch": Verb("watch the pipeline live in the terminal until Ctrl-C", "operate.watch"),
    "audit": Verb("reconcile folder, blobs and rows; name every image that is amiss", "run.audit", azurite=True),
    "sweep": Verb("scan the whole container now and start what the blob trigger missed", "operate.sweep"),
    "replay": Verb("replay rejected or failed images: one by id, or many by reason, device, time", "operate.replay"),
    "doctor": Verb("report what is missing or misconfigured, with remedies", "operate.doctor", needs=None),
    "faults": Verb("break the pipeline in every known way and reconcile", "develop.faults",
                   needs="test", azurite=True, java=True),
    "bench": Verb("benchmark one part against a named peer", "develop.bench", needs="test", azurite=True, java=True),
    "package": Verb("build the zip for Azure without Core Tools", "develop.packaging", needs=None),
    "recover": Verb("move damaged local state out of the way; nothing is deleted", "run.recover", needs=None),
    "clean": Verb("remove all local state (.local/)", "run.clean", needs=None),
}  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Run one verb; returns its exit code (0 done, 1 it failed, 2 wrong call or environment, 130 Ctrl-C)."""
    parser = _parser()
    if not words or words[0] in ("-h", "--help"):
        parser.print_help()
        return DONE if words else CANNOT_RUN
    try:
        return _dispatch(parser, words)
    except StackError as error:
        say(f"\n{error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("\nStopped.")
        return INTERRUPTED


def _dispatch(parser: argparse.ArgumentParser, words: Sequence[str]) -> int:
    name = words[0]
    verb = VERBS.get(name)
    if verb is None:
        parser.error(f"there is no command {name!r}; the commands are: {', '.join(VERBS)}")
    # Help and a wrong option are answered before anything is installed; a part's own options it says itself.
    if verb.part and ("--help" in words or "-h" in words):
        return subprocess.call([sys.executable, "-m", *verb.part, "--help"], cwd=PROJECT_ROOT)
    arguments = None if verb.part else _arguments(name, verb, words[1:])
    if verb.needs is not None:
        environment.prepare(verb.needs, azurite=verb.azurite, java=verb.java)
        if not environment.inside():
            return environment.rerun_inside(words)
    if arguments is None:
        defaults = importlib.import_module("local_stack.run.parts_commands")
        run_part: Callable[[Sequence[str], Sequence[str]], int] = getattr(defaults, name.replace("-", "_"))
        return run_part(verb.part, words[1:])
    run: Callable[[argparse.Namespace], int] = importlib.import_module(f"local_stack.{verb.module}").run
    return run(arguments)


def _parser() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {name:<14}{verb.help}" for name, verb in VERBS.items())
    return argparse.ArgumentParser(
        prog="pipeline.py", usage="python3 pipeline.py COMMAND [options]",
        formatter_class=argparse.RawDescriptionHelpFormatter, add_help=False,
        description="Device images to Blob Storage to scored SQL rows, on one computer or in Azure.\n\ncommands:\n"
        f"{lines}\n\nEach command has --help. All local state is in .local/.",
    )  # fmt: skip


def _arguments(name: str, verb: Verb, words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=f"pipeline.py {name}", description=f"{verb.help[0].upper()}{verb.help[1:]}."
    )
    options = importlib.import_module("local_stack.options")
    add: Callable[[argparse.ArgumentParser], None] = getattr(options, name.replace("-", "_"))
    add(parser)
    return parser.parse_args(words)
