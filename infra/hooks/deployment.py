"""What the hooks share: the outputs of main.bicep, which azd puts into the environment, and running commands.

Standard library only: hooks run on the deployer's computer before anything is installed.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS_BETWEEN_MESSAGES = 10.0

Run = Callable[[Sequence[str], str], "Finished"]
"""Runs a command to its end; the second argument describes it for progress messages. Tests pass a recorded one."""


@dataclass(frozen=True)
class Finished:
    """Exit code and everything that was printed."""

    code: int
    output: str


class HookError(Exception):
    """The deployment cannot go on; the text says why and what to do."""


def say(text: str) -> None:
    """One line to the person, at once: azd may read this through a pipe."""
    print(text, flush=True)


def run(command: Sequence[str], doing: str, every: float = SECONDS_BETWEEN_MESSAGES) -> Finished:
    """Run a command from the project's root, saying that it still runs. Raises HookError if it does not exist."""
    program = shutil.which(command[0])  # on Windows az is az.cmd, which is not found without its ending
    if program is None:
        raise HookError(f"{command[0]} is not installed or not on PATH")
    started = time.monotonic()
    with subprocess.Popen(
        [program, *command[1:]], cwd=ROOT, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        while True:
            try:
                output, _ = process.communicate(timeout=every)
                return Finished(process.returncode, output)
            except subprocess.TimeoutExpired:
                say(f"  … {doing} ({time.monotonic() - started:.0f} s)")


def must(done: Finished, what: str) -> str:
    """What the command printed. Raises HookError with it if the command failed."""
    if done.code != 0:
        raise HookError(f"could not {what}:\n{done.output.strip()}")
    return done.output.strip()


def output(environ: Mapping[str, str], name: str) -> str:
    """One output of main.bicep. Raises HookError naming the one that is missing."""
    value = environ.get(name, "").strip()
    if not value:
        raise HookError(
            f"{name} is not set: run this with azd, or export what `azd env get-values` prints first"
        )
    return value
