"""The agent as the benchmark sees it: a process, a folder, and the processor time and memory of its whole tree."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from upload_peers.services import CONTAINER, ROOT, Service


@dataclass
class AgentRun:
    """A running agent; ``started_at`` is when its process was started."""

    root: Path
    process: subprocess.Popen[bytes]
    started_at: float

    def upload(self, folder: Path, seconds: float = 1800.0) -> float:
        """Put a prepared folder into the inbox with one rename; seconds until its last file was acknowledged."""
        inside = self.root / "inbox" / folder.name
        started = time.monotonic()
        folder.rename(inside)
        while any(inside.iterdir()):
            if self.process.poll() is not None or time.monotonic() - started > seconds:
                raise RuntimeError((self.root / "agent.log").read_text()[-2000:])
            time.sleep(0.02)
        return time.monotonic() - started

    def cpu_seconds(self) -> float:
        """Processor time of the JVM and all Python processes, ended ones included."""
        total = 0.0
        for one in self._tree():
            with contextlib.suppress(psutil.Error):
                times = one.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def memory_mb(self) -> dict[str, float]:
        """Resident memory of the tree: ``rss`` counts shared pages in every process, ``pss`` once."""
        rss = pss = 0
        for one in self._tree():
            with contextlib.suppress(psutil.Error):
                info = one.memory_full_info()
                rss, pss = rss + info.rss, pss + getattr(info, "pss", info.rss)
        return {"rss": round(rss / 2**20), "pss": round(pss / 2**20)}

    def _tree(self) -> list[psutil.Process]:
        main = psutil.Process(self.process.pid)
        return [main, *main.children(recursive=True)]


@contextlib.contextmanager
def running_agent(root: Path, service: Service, *arguments: str) -> Iterator[AgentRun]:
    """An agent on an empty folder, up and warmed by one file."""
    (root / "inbox").mkdir(parents=True)
    (root / "inbox" / "first.png").write_bytes(b"first")
    environment = {
        **os.environ, "AGENT_STORAGE_CONNECTION_STRING": service.connection_string, "AGENT_CONTAINER": CONTAINER,
    }  # fmt: skip
    started = time.monotonic()
    with (root / "agent.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "local_agent", "upload", "--root", str(root), "--device-id", "bench",
             "--no-create-container", "--disk-warn-percent", "99", "--disk-full-percent", "100", *arguments],
            cwd=ROOT, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    run = AgentRun(root, process, started)
    try:
        while (root / "inbox" / "first.png").exists():
            if process.poll() is not None or time.monotonic() - started > 180:
                raise RuntimeError((root / "agent.log").read_text()[-2000:])
            time.sleep(0.02)
        yield run
    finally:
        process.terminate()
        process.wait(timeout=30)


def latencies(root: Path, prefix: str) -> list[float]:
    """Seconds from file complete (mtime) to acknowledged and moved (change time of the moved inode)."""
    return sorted(
        status.st_ctime - status.st_mtime
        for path in (root / "done").glob(f"{prefix}*")
        for status in [path.stat()]
    )


def batch_lines(root: Path) -> list[dict[str, object]]:
    """The agent's own lines, one per micro-batch."""
    lines = (root / "agent.log").read_text(errors="replace").splitlines()
    return [json.loads(line) for line in lines if line.startswith('{"event": "batch"')]
