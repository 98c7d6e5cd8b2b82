"""Host processes for tests: started on a free port, killed at the end, whatever happened."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, str]:
    """Status and text of an answer; raises OSError when nobody listens."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


class Host:
    """A host process and what it printed."""

    def __init__(self, root: Path, *options: str, environment: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.output = root / f"output-{self.port}.txt"
        self.file = self.output.open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "functions_host", "--root", str(root), "--port", str(self.port), *options],
            cwd=REPOSITORY,
            env={**os.environ, **(environment or {})},
            stdout=self.file,
            stderr=subprocess.STDOUT,
        )

    def ready(self) -> Host:
        deadline = time.monotonic() + 30
        while True:
            try:
                if self.get("/admin/host/ping")[0] == 200:
                    return self
            except OSError:
                pass
            assert self.process.poll() is None, self.text
            assert time.monotonic() < deadline, self.text
            time.sleep(0.02)

    def get(self, path: str, method: str = "GET", body: bytes | None = None) -> tuple[int, str]:
        return get(self.port, path, method, body)

    @property
    def text(self) -> str:
        return self.output.read_text()

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self.file.close()


@pytest.fixture(scope="session")
def start_host() -> Callable[..., Host]:
    """`start_host(root, *options)`: a host process; the caller closes it."""
    return Host


@pytest.fixture
def host(root: Path) -> Iterator[Callable[..., Host]]:
    with ExitStack() as running:

        def start(*options: str, **more: Any) -> Host:
            return running.enter_context(closing(Host(root, *options, **more)))

        yield start
