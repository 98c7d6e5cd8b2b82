"""The verbs that are the parts' own: ``simulate``, ``upload``, ``host``, ``migrate``, with local defaults filled in.

Each runs ``python -m <part> …`` with what the user wrote; only what the user left out is added.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from local_stack.errors import StackError
from local_stack.operate.running_stack import read_running
from local_stack.run import parts
from local_stack.state_folder import PROJECT_ROOT, StateFolder


def simulate(part: Sequence[str], arguments: Sequence[str]) -> int:
    """Images into the local inbox, with a manifest of their own."""
    state = StateFolder()
    state.create()
    stamp = datetime.now(UTC).strftime("%Y%m%dt%H%M%S")
    defaults = {"--inbox": str(state.inbox), "--manifest": str(state.manifests / f"sim-{stamp}.jsonl"),
                "--prefix": f"sim-{stamp}-"}  # fmt: skip
    if any(word.partition("=")[0] == "--truth" for word in arguments):  # the former name of --manifest
        del defaults["--manifest"]
    return _run(part, arguments, defaults, {})


def upload(part: Sequence[str], arguments: Sequence[str]) -> int:
    """The Spark agent on the local device folder, to the storage that the settings name or that is up here."""
    state = StateFolder()
    state.create()
    environment = {}
    if not any(name.startswith("AGENT_STORAGE_") for name in os.environ):
        stack = read_running(state.running)
        if stack is None:
            raise StackError(
                "The agent does not know where to upload to.",
                "set AGENT_STORAGE_CONNECTION_STRING (or AGENT_STORAGE_ACCOUNT_URL), or start `python3 pipeline.py up`,"
                " which has an agent of its own",
            )
        environment["AGENT_STORAGE_CONNECTION_STRING"] = stack.storage
    defaults = {"--root": str(state.device), "--checkpoint": str(state.checkpoint),
                "--status-file": str(state.agent_status), "--device-id": "local-device"}  # fmt: skip
    return _run(part, arguments, defaults, environment)


def agent_status(part: Sequence[str], arguments: Sequence[str]) -> int:
    """What the agent last said of itself."""
    defaults = {"--status-file": str(StateFolder().agent_status)}
    return _run(part, arguments, defaults, {})


def host(part: Sequence[str], arguments: Sequence[str]) -> int:
    """The embedded host alone, with the settings of the environment and local.settings.json."""
    state = StateFolder()
    state.create()
    stack = read_running(state.running)
    environment = parts.function_settings(state, stack.storage) if stack is not None else {}
    return _run(part, arguments, {"--root": str(PROJECT_ROOT), "--state": str(state.host)},
                environment)  # fmt: skip


def migrate(part: Sequence[str], arguments: Sequence[str]) -> int:
    """``plan``, ``up`` (default), ``status`` or ``repair`` on the local database or SQL_CONNECTION_STRING."""
    state = StateFolder()
    state.create()
    words = list(arguments)
    if not any(word in ("plan", "up", "status", "repair") for word in words):
        words.insert(0, "up")
    environment = {}
    if "SQL_CONNECTION_STRING" not in os.environ:
        environment["SQL_CONNECTION_STRING"] = f"sqlite:///{state.database.as_posix()}"
    return _run(part, words, {}, environment)


def _run(
    module: Sequence[str],
    arguments: Sequence[str],
    defaults: Mapping[str, str],
    environment: Mapping[str, str],
) -> int:
    given = {word.partition("=")[0] for word in arguments}
    added = [word for name, value in defaults.items() if name not in given for word in (name, value)]
    command = [sys.executable, "-m", *module, *arguments, *added]
    if os.name == "posix":
        os.chdir(PROJECT_ROOT)
        os.execve(command[0], command, {**os.environ, **environment})  # signals reach the part itself
    return subprocess.call(command, cwd=PROJECT_ROOT, env={**os.environ, **environment})
