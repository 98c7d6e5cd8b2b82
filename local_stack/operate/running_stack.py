"""What is up on this computer: written by ``demo`` and ``up``, read by every other command.

``running.json`` holds addresses and process ids, no secret: Azurite's account key is Microsoft's
published development key.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from local_stack.errors import StackError
from local_stack.operate.run_api import RunApi
from local_stack.processes import end_processes
from local_stack.state_folder import StateFolder

# Published by Microsoft for the storage emulator; it opens nothing but a local Azurite.
_DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def azurite_connection_string(blob_port: int, queue_port: int, table_port: int) -> str:
    """The connection string of the development account on these loopback ports."""
    base = "http://127.0.0.1:{}/devstoreaccount1"
    return (
        f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={_DEVELOPMENT_KEY};"
        f"BlobEndpoint={base.format(blob_port)};QueueEndpoint={base.format(queue_port)};"
        f"TableEndpoint={base.format(table_port)};"
    )


@dataclass(frozen=True)
class RunningStack:
    """Addresses and processes of a stack that is up."""

    pid: int
    started: float
    host: str
    url: str
    blob_port: int
    queue_port: int
    table_port: int
    database: str
    children: dict[str, int] = field(default_factory=dict)

    @property
    def storage(self) -> str:
        return azurite_connection_string(self.blob_port, self.queue_port, self.table_port)

    def write(self, path: Path) -> None:
        """Replace the file atomically, so that a reader never sees half of it."""
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        temporary.replace(path)


def read_running(path: Path) -> RunningStack | None:
    """The stack that is up, or None if there is none (a stale or damaged file counts as none)."""
    stack = _read(path)
    return stack if stack is not None and _alive(stack.pid, stack.started) else None


def running_stack() -> RunningStack:
    """The stack that is up on this computer. Raises StackError if there is none."""
    stack = read_running(StateFolder().running)
    if stack is None:
        raise StackError(
            "No pipeline is up on this computer.",
            "start it in another terminal (`python3 pipeline.py up`), or name a deployment with --url",
        )
    return stack


def run_api(url: str | None) -> RunApi:
    """The API of ``url``, or of the stack that is up here."""
    return RunApi(url or running_stack().url)


def end_leftovers(path: Path) -> int:
    """End the children that a killed stack left behind; returns how many were still alive."""
    stack = _read(path)
    if stack is None:
        return 0
    leftovers = []
    for pid in stack.children.values():
        try:
            process = psutil.Process(pid)
            # A pid may have been given to a stranger since: ours was started after the stack was.
            if process.create_time() >= stack.started - 1 and _is_ours(process):
                leftovers += [process, *process.children(recursive=True)]
        except psutil.Error:
            continue
    end_processes(leftovers, grace_seconds=5)
    path.unlink(missing_ok=True)
    return len(leftovers)


def _read(path: Path) -> RunningStack | None:
    try:
        return RunningStack(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _alive(pid: int, started: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - started) < 2
    except psutil.Error:
        return False


def _is_ours(process: psutil.Process) -> bool:
    command = " ".join(process.cmdline())
    return any(sign in command for sign in ("azurite", "functions_host", "local_agent", "func"))
