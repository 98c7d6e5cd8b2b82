"""What the hooks know of a deployment: the outputs of main.bicep, which azd puts into the environment.

Standard library only: hooks run on the deployer's computer before anything is installed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

Run = Callable[[Sequence[str]], "Finished"]
"""Runs a command to its end; the tests give a recorded one."""


@dataclass(frozen=True)
class Finished:
    """Exit code and everything that was printed."""

    code: int
    output: str


class HookError(Exception):
    """The deployment cannot go on; the text says why and what to do."""


def run(command: Sequence[str]) -> Finished:
    """Run a command from the project's root. Raises HookError if it does not exist."""
    try:
        done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    except FileNotFoundError:
        raise HookError(f"{command[0]} is not installed or not on PATH") from None
    return Finished(done.returncode, done.stdout + done.stderr)


def output(environ: Mapping[str, str], name: str) -> str:
    """One output of main.bicep. Raises HookError naming the one that is missing."""
    value = environ.get(name, "").strip()
    if not value:
        raise HookError(
            f"{name} is not set: run this through azd, or after `azd env get-values` was exported"
        )
    return value
