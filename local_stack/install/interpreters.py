"""Finds a Python of a given version on this computer, for what must run under that very version."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def find_python(version: str) -> Path | None:
    """An interpreter of ``version`` ("3.13") that starts and has pip; the running one first. None if there is none."""
    candidates = [sys.executable, shutil.which(f"python{version}"), *_of_pyenv(version)]
    return next((Path(found) for found in candidates if found and _is(found, version)), None)


def _of_pyenv(version: str) -> list[str]:
    # A pyenv shim exists for versions that are not selected and then fails, so look behind it: where this user's pyenv
    # keeps its versions, and beside the running one, which may be another user's.
    places = [Path(sys.base_prefix).parent, Path.home() / ".pyenv" / "versions"]
    if root := os.environ.get("PYENV_ROOT"):
        places.append(Path(root) / "versions")
    return [str(path) for place in places for path in sorted(place.glob(f"{version}.*/bin/python"))]


def _is(python: str, version: str) -> bool:
    question = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-c", question], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == version
