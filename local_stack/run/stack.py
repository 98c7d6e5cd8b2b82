"""Azurite, the functions host and the agent, started together, watched, and stopped in the right order."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import psutil

from local_stack.errors import StackError
from local_stack.install.file_lock import LockedByAnotherProcessError, exclusive_lock
from local_stack.operate.running_stack import RunningStack, azurite_connection_string, end_leftovers
from local_stack.processes import ChildProcess, free_ports
from local_stack.run import parts
from local_stack.state_folder import StateFolder
from local_stack.terminal import say, step

_RESTARTS_ALLOWED = 5


@dataclass
class Stack:
    """A pipeline that is up."""

    state: StateFolder
    host_kind: str
    url: str
    storage: str
    environment: dict[str, str]
    children: list[ChildProcess]
    feeder: ChildProcess | None = None

    def feed(self, child: ChildProcess) -> None:
        """Start what puts images into the inbox (simulator or a folder's feeder); it ends by itself."""
        self.feeder = child
        child.start()

    def watch(self) -> None:
        """Start again what has ended by itself; raises StackError when a part keeps ending."""
        for child in self.children:
            code = child.exit_code()
            if code is None:
                continue
            if child.restarts >= _RESTARTS_ALLOWED:
                child.check()
            child.restarts += 1
            say(f"  ! {child.name} ended with exit code {code}; starting it again (log: {child.log})")
            child.start()

    def check(self) -> None:
        """Raise StackError if any part has ended."""
        for child in self.children:
            child.check()


@contextmanager
def stack_up(state: StateFolder, host: str, device_id: str, *, with_agent: bool = True) -> Iterator[Stack]:
    """Start everything on free ports, yield it ready for images, and stop it whatever happens.

    Raises StackError when another stack runs on this state folder or a part does not start.
    """
    state.create()
    try:
        with exclusive_lock(state.lock):
            leftovers = end_leftovers(state.running)
            if leftovers:
                say(f"  ! ended {leftovers} process(es) that a killed run had left behind")
            with _signals_as_keyboard_interrupt():
                yield from _run(state, parts.choose_host(host), device_id, with_agent)
    except LockedByAnotherProcessError as error:
        raise StackError(
            f"A pipeline is already up on {state.root} (process {error.holder}).",
            "stop that one first (Ctrl-C in its terminal), or use it: `python3 pipeline.py simulate`",
        ) from error


def _run(state: StateFolder, kind: str, device_id: str, with_agent: bool) -> Iterator[Stack]:
    blob, queue, table, port = free_ports(4)
    storage = azurite_connection_string(blob, queue, table)
    environment = parts.function_settings(state, storage)
    stack = Stack(state, kind, f"http://127.0.0.1:{port}", storage, environment, [])

    def record() -> None:
        RunningStack(
            pid=os.getpid(), started=psutil.Process().create_time(), host=kind, url=stack.url, blob_port=blob,
            queue_port=queue, table_port=table, database=without_secret(environment["SQL_CONNECTION_STRING"]),
            children={child.name: child.pid for child in stack.children},
        ).write(state.running)  # fmt: skip

    def start(child: ChildProcess) -> ChildProcess:
        stack.children.append(child)
        child.start()
        record()
        return child

    try:
        with step("Starting Azurite"):
            parts.azurite_ready((blob, queue, table), start(parts.azurite(state, blob, queue, table)))
        with step("Migrating the database"):
            parts.migrate(environment, state.logs / "migrate.log")
        # The agent needs the longest (a JVM): it starts while the host does.
        agent = start(parts.agent(state, storage, device_id)) if with_agent else None
        title = "Core Tools (func start)" if kind == "func" else "the embedded functions host"
        with step(f"Starting {title}"):
            parts.functions_host_ready(stack.url, start(parts.functions_host(state, kind, port, environment)))
        if agent is not None:
            with step("Starting the Spark agent"):
                parts.agent_ready(state, agent)
        yield stack
    finally:
        _stop(stack)
        state.running.unlink(missing_ok=True)


def _stop(stack: Stack) -> None:
    """Agent first (nothing new arrives), then the host, storage last."""
    started = time.monotonic()
    # A second Ctrl-C must not leave half of them running; each part gets ten seconds at most.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    if stack.feeder is not None:
        stack.feeder.stop(grace_seconds=3)
    order = {"The agent": 0, "The functions host": 1, "Azurite": 2}
    for child in sorted(stack.children, key=lambda part: order[part.name]):
        child.stop()
    signal.signal(signal.SIGINT, before)
    say(f"  ✓ Stopped everything ({time.monotonic() - started:.1f} s)")


def without_secret(connection_string: str) -> str:
    return connection_string if connection_string.startswith("sqlite:") else "(from SQL_CONNECTION_STRING)"


@contextmanager
def _signals_as_keyboard_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP end the stack as Ctrl-C does; what was set before is put back."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = [name for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
