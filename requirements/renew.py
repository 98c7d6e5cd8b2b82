#!/usr/bin/env python3
"""Make the lock files anew, or check without a network that they still belong to what is asked for.

``python3 requirements/renew.py`` runs uv (https://docs.astral.sh/uv/) once for each lock; ``--check`` only reads.
Standard library only.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = (
    "pip",
    "compile",
    "--quiet",
    "--universal",
    "--generate-hashes",
    "--python-version",
    "3.11",
    "--no-header",
    # Without it a lock says `coverage==7.17.4` where something asks for `coverage[toml]`: pip then tries the newest
    # release of that, and ends because it has no hash.
    "--no-strip-extras",
)
NO_UV = "uv is not here. Remedy: python3 -m pip install uv (in any environment whose programs are on PATH)"

_PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.M)
_ASKED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?(?:==([^\s;]+))?")


@dataclass(frozen=True)
class Lock:
    """What is asked for, the lock made of it, and the lock whose versions it must keep to."""

    asked: str
    locked: str
    within: str | None = None


TEST = "requirements/test.lock"
LOCKS = (
    Lock("requirements/test.in", TEST),
    Lock("requirements/java.in", "requirements/java.lock"),
    Lock("requirements/node.in", "requirements/node.lock"),
    Lock("requirements/mssql.in", "requirements/mssql.lock"),
    Lock("requirements/app.in", "requirements/app.lock", within=TEST),
    Lock("requirements/stack.in", "requirements/stack.lock", within=TEST),
    Lock("infra/requirements.in", "infra/requirements.txt", within=TEST),
)


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 if all is well, 1 if a lock is not what it should be, 2 without uv."""
    parser = argparse.ArgumentParser(
        prog="requirements/renew.py", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--check", action="store_true", help="change nothing and ask nobody; exit 1 for a stale lock"
    )
    parser.add_argument("--upgrade", action="store_true", help="raise what is pinned by no .in file, too")
    options = parser.parse_args(arguments)
    if not options.check:
        return _renew(options.upgrade)
    found = [problem for lock in LOCKS for problem in problems(ROOT, lock)]
    for problem in found:
        print(problem)
    if found:
        print("Remedy: python3 requirements/renew.py")
    return 1 if found else 0


def problems(root: Path, lock: Lock) -> Iterator[str]:
    """Sentences about one lock; none if it has exactly what is asked for, hashed, at versions that agree."""
    text = (root / lock.locked).read_text(encoding="utf-8") if (root / lock.locked).is_file() else ""
    pins, asked = _pins(text), set(_asked(root / lock.asked))
    for name, version in sorted(asked):
        if not any(name == pin and version in ("", pinned) for pin, pinned in pins):
            yield f"{lock.locked} does not have {name}{'==' * bool(version)}{version}, which {lock.asked} asks for"
    for entry in _entries(text):
        name = _normal(entry.partition("==")[0])
        if "--hash=sha256:" not in entry:
            yield f"{lock.locked} has no hash of {name}"
        if re.search(r"^ +# +(via )?-r ", entry, re.M) and name not in {name for name, _ in asked}:
            yield f"{lock.locked} has {name}, which {lock.asked} no longer asks for"
    if "://" in text:
        yield f"{lock.locked} holds an address; it must work with any registry"
    if lock.within is not None:
        for name, version in sorted(pins - _pins((root / lock.within).read_text(encoding="utf-8"))):
            yield f"{lock.locked} has {name}=={version}, {lock.within} has another version"


def _renew(upgrade: bool) -> int:
    uv = _uv()
    if uv is None:
        print(NO_UV, file=sys.stderr)
        return 2
    for lock in LOCKS:
        print(f"{lock.locked} …", flush=True)
        within = ["-c", lock.within] if lock.within else []
        command = [*uv, *UV, *within, *["--upgrade"] * upgrade, lock.asked, "-o", lock.locked]
        done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            return 1
    return 0


def _uv() -> list[str] | None:
    if program := shutil.which("uv"):
        return [program]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else None


def _entries(text: str) -> list[str]:
    """One requirement each, with its hashes and the comment that says whom it is for."""
    return [entry for entry in re.split(r"^(?=[A-Za-z0-9])", text, flags=re.M) if "==" in entry]


def _pins(text: str) -> set[tuple[str, str]]:
    return {(_normal(name), version) for name, version in _PINNED.findall(text)}


def _asked(file: Path) -> Iterator[tuple[str, str]]:
    """Names and versions ("" for any), of the files that are included too."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            yield from _asked(file.parent / line.removeprefix("-r ").strip())
        elif wanted := _ASKED.match(line):
            yield _normal(wanted.group(1)), wanted.group(2) or ""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
