"""What the agent's tests act with: a network that can be cut, a container of its own, an agent process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from azure.storage.blob import ContainerClient

ROOT = Path(__file__).resolve().parents[3]
API_VERSION = "2021-12-02"


class CuttableNetwork:
    """A TCP forwarder to one port; while ``down`` it accepts and hangs up, as a lost service looks."""

    def __init__(self, target: int) -> None:
        self._target = target
        self.down = False
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Hang up on everyone, and on everyone who comes."""
        self.down = True
        for connection in list(self._open):
            connection.close()

    def mend(self) -> None:
        """Let connections through again."""
        self.down = False

    def close(self) -> None:
        """End for good."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.down:
                near.close()
                continue
            try:
                self._forward(near, socket.create_connection(("127.0.0.1", self._target)))
            except OSError:  # cut in this very moment: this connection is lost, the next ones are not
                near.close()

    def _forward(self, near: socket.socket, far: socket.socket) -> None:
        for one, other in ((near, far), (far, near)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(one)
            threading.Thread(target=self._pump, args=(one, other), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            self._open.discard(end)
            end.close()


@dataclass(frozen=True)
class StoredBlob:
    """What the service holds of one image."""

    name: str
    source: bytes
    metadata: dict[str, str]
    size: int
    md5: bytes
    content_type: str


@dataclass
class Storage:
    """One container of its own, seen from outside the agent."""

    direct: str
    through_network: str
    container: str
    client: ContainerClient

    def blobs(self) -> list[StoredBlob]:
        """Every blob, whatever its name."""
        return [
            StoredBlob(
                blob.name,
                unquote_to_bytes((blob.metadata or {}).get("sourcename", "")),
                dict(blob.metadata or {}),
                blob.size,
                bytes(blob.content_settings.content_md5 or b""),
                str(blob.content_settings.content_type),
            )
            for blob in self.client.list_blobs(include=["metadata"])
        ]

    def of(self, source: bytes) -> list[StoredBlob]:
        """The blobs of one source name."""
        return [blob for blob in self.blobs() if blob.source == source]

    def content(self, blob: StoredBlob) -> bytes:
        """The bytes of a blob."""
        return self.client.download_blob(blob.name).readall()


def make_storage(direct: str, through_network: str, *, create: bool = True) -> Storage:
    """A container with a name nobody else uses."""
    container = f"agent-{uuid.uuid4().hex[:12]}"
    client = ContainerClient.from_connection_string(direct, container, api_version=API_VERSION)
    if create:
        client.create_container()
    return Storage(direct, through_network, container, client)


def eventually(what: Callable[[], Any], seconds: float = 20.0, message: str = "") -> Any:
    """The first true answer of ``what``; fails when it does not come in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > deadline:
            pytest.fail(message or f"did not become true within {seconds:.0f} s")
        time.sleep(0.05)


def drop(inbox: Path, name: bytes | str, content: bytes) -> Path:
    """Put a file into an inbox as a careful device does."""
    raw = name.encode() if isinstance(name, str) else name
    temporary = inbox / f".{uuid.uuid4().hex}.part"
    temporary.write_bytes(content)
    target = inbox / os.fsdecode(raw)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary.replace(target)
    return target


@dataclass
class AgentProcess:
    """``python -m local_agent upload`` on a folder of its own."""

    root: Path
    storage: Storage
    arguments: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    device_id: str = "dev-1"
    process: subprocess.Popen[bytes] | None = None

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def done(self) -> Path:
        return self.root / "done"

    @property
    def rejected(self) -> Path:
        return self.root / "rejected"

    @property
    def log(self) -> Path:
        return self.root / "agent.log"

    def start(self) -> AgentProcess:
        """Start it; files may be dropped at once, the agent takes them when it is up."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "AGENT_STORAGE_CONNECTION_STRING": self.storage.through_network,
            "AGENT_CONTAINER": self.storage.container,
            **self.environment,
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local_agent", "upload", "--root", str(self.root), "--device-id",
                 self.device_id, "--settle-seconds", "1", *self.arguments],
                cwd=ROOT, env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        return self

    def status(self) -> dict[str, Any]:
        """The status file; empty before it is written."""
        try:
            content: dict[str, Any] = json.loads((self.root / ".agent" / "status.json").read_text())
        except FileNotFoundError:
            return {}
        return content

    def running(self) -> AgentProcess:
        """Wait until it serves its folder."""

        def up() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            status = self.status()
            return status.get("pid") == self.process.pid and status["state"] not in ("starting", "stopped")

        eventually(up, 240, "the agent did not start")
        return self

    def drained(self, seconds: float = 30.0) -> None:
        """Wait until the inbox holds nothing."""
        eventually(
            lambda: not any(path.is_file() for path in self.inbox.rglob("*")), seconds, "files are left"
        )

    def wait(self, seconds: float = 60.0) -> int:
        """Its exit code."""
        assert self.process is not None
        return self.process.wait(timeout=seconds)

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait(20)

    def lines(self) -> list[dict[str, Any]]:
        """The structured lines of its log."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            if line.startswith("{"):
                found.append(json.loads(line))
        return found
