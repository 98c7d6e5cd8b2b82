"""Removes all local state: images, blobs, results, logs. Standard library only."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from local_stack.errors import StackError
from local_stack.install.environment import VENV
from local_stack.install.file_lock import LockedByAnotherProcessError, exclusive_lock
from local_stack.state_folder import TOOLS, StateFolder
from local_stack.terminal import step


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 when it is gone; refuses while a pipeline is up."""
    state = StateFolder()
    if not state.root.exists():
        return 0
    try:
        with exclusive_lock(state.lock), step(f"Removing {state.root}"):
            for entry in state.root.iterdir():
                if entry != state.lock and (arguments.all or entry != TOOLS):
                    _remove(entry)
    except LockedByAnotherProcessError as error:
        raise StackError(
            f"A pipeline is up on {state.root} (process {error.holder}).",
            "stop it first (Ctrl-C in its terminal)",
        ) from error
    if arguments.all:
        shutil.rmtree(state.root, ignore_errors=True)
        shutil.rmtree(TOOLS, ignore_errors=True)
        with step("Removing .venv"):
            shutil.rmtree(VENV, ignore_errors=True)
    return 0


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink()
