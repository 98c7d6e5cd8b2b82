"""The hooks' own Python environment, ``infra/.venv``: what the migrations need, by hash, and nothing else.

It is created once for each requirements.txt and interpreter. A stamp records that and is written last: an
interrupted creation is repeated. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from deployment import ROOT, HookError, Run, must, say

OLDEST, NEWEST = (3, 11), (3, 13)
ENVIRONMENT = ROOT / "infra" / ".venv"
REQUIREMENTS = ROOT / "infra" / "requirements.txt"


def prepared(run: Run, environment: Path = ENVIRONMENT) -> Path:
    """The environment's interpreter; makes the environment first where it is missing or out of date.

    Raises HookError with the words of venv or pip if that is not possible here.
    """
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp, made_for = environment / "made-for", _made_for()
    if python.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == made_for:
        return python
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        oldest, newest, this = (".".join(map(str, v)) for v in (OLDEST, NEWEST, sys.version_info[:2]))
        raise HookError(
            f"the hooks need Python {oldest} to {newest} on PATH; this is {this} ({sys.executable})"
        )
    say(f"Creating an environment for the migrations: {environment} (once; about 55 MB)")
    make = [sys.executable, "-m", "venv", "--clear", str(environment)]
    must(run(make, "making the environment"), "make the environment")
    install = ["install", "--quiet", "--disable-pip-version-check", "--no-input", "--require-hashes"]
    install = [str(python), "-m", "pip", *install, "--requirement", str(REQUIREMENTS)]
    must(run(install, "installing its packages"), "install infra/requirements.txt")
    stamp.write_text(made_for, encoding="utf-8")
    return python


def _made_for() -> str:
    requirements = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    return f"{requirements} {sys.version_info[0]}.{sys.version_info[1]} {sys.base_prefix}"
