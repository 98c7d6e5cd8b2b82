"""Child processes that never outlive this one, and the ports they listen on.

Each part runs in its own session, so that Ctrl-C reaches only us and we stop the parts in order. On
Linux the kernel also ends them if we are killed outright (parent-death signal); elsewhere the next
command finds what is left in ``running.json`` and ends it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil

from local_stack.errors import FAILED, StackError

_PR_SET_PDEATHSIG = 1
# Windows: a group of its own, so that Ctrl-Break can be sent to it alone; 0 elsewhere.
_NEW_GROUP: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)


class ChildProcess:
    """One part of the pipeline: how it is started, where it logs, whether it lives."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path
    ) -> None:
        self.name = name
        self.command = list(command)
        self.environment = dict(environment)
        self.log = log
        self.cwd = cwd
        self.restarts = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start it (again); its output is appended to its log."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
                start_new_session=os.name == "posix",
                creationflags=_NEW_GROUP,
            )

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process else None

    def check(self) -> None:
        """Raise StackError with the end of its log if it has ended by itself."""
        code = self.exit_code()
        if code is not None:
            raise StackError(
                f"{self.name} ended with exit code {code}. The end of {self.log}:\n{log_tail(self.log)}",
                "mend what the log says and run the command again; nothing that was taken is lost",
                exit_code=FAILED,
            )

    def stop(self, grace_seconds: float = 10.0) -> None:
        """Ask it to end; after ``grace_seconds`` end it and everything it started."""
        if self._process is None:
            return
        family = _family(self._process.pid)
        if self._process.poll() is None:
            _ask_to_end(self._process)
            try:
                self._process.wait(grace_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
        end_processes(family, grace_seconds=2.0)


def end_processes(processes: Sequence[psutil.Process], grace_seconds: float) -> None:
    """End what is still alive of ``processes``: ask first, then insist."""
    alive = [process for process in processes if process.is_running()]
    for process in alive:
        _quietly(process.terminate)
    _, stubborn = psutil.wait_procs(alive, timeout=grace_seconds)
    for process in stubborn:
        _quietly(process.kill)
    psutil.wait_procs(stubborn, timeout=2)


def log_tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, for an error message."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except OSError as error:
        return f"(no log: {error})"


def wait_until(condition: Callable[[], bool], seconds: float, interval: float = 0.1) -> bool:
    """Call ``condition`` until it is true or ``seconds`` have passed; was it?"""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(interval)
    return condition()


def free_ports(count: int) -> list[int]:
    """``count`` different ports that nobody listens on at this moment (held together while choosing)."""
    with ExitStack() as held:
        ports = []
        for _ in range(count):
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            ports.append(int(probe.getsockname()[1]))
        return ports


def is_listening(port: int) -> bool:
    """Does somebody accept connections on this loopback port?"""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _quietly(action: Callable[[], object]) -> None:
    try:
        action()
    except psutil.Error:
        return  # it has ended meanwhile, which is what was wanted


def _ask_to_end(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        process.send_signal(signal.CTRL_BREAK_EVENT)  # what a console program can catch there
    else:
        process.terminate()


def _die_with_parent() -> None:
    """Runs in the child between fork and exec: SIGTERM to it when its parent dies, whatever kills that."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == 1:
        os.kill(os.getpid(), signal.SIGTERM)
