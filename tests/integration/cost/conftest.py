"""An Azurite of its own whose access log tells every request that the pipeline made."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Azurite, _azurite_command, _wait_until_listening, free_port

# 127.0.0.1 - - [date] "PUT /devstoreaccount1/img/a.png HTTP/1.1" 201 -
_LINE = re.compile(r'"([A-Z]+) (/\S*) HTTP/1\.1" (\d{3})')


@dataclass(frozen=True)
class AccessLog:
    """``storage`` is a connection string; ``since`` gives the requests after a position, by their REST name."""

    storage: str
    path: Path

    def position(self) -> int:
        return len(self._lines())

    def since(self, position: int) -> Counter[str]:
        return Counter(_operation(method, path) for method, path, _ in self._lines()[position:])

    def _lines(self) -> list[tuple[str, str, str]]:
        return _LINE.findall(self.path.read_text(encoding="utf-8", errors="replace"))


def _operation(method: str, path: str) -> str:
    """Name of a blob request as the REST reference (and the bill) has it."""
    path, _, query = path.partition("?")
    if "restype=container" in query:
        return {"PUT": "Create Container"}.get(
            method, "List Blobs" if "comp=list" in query else "Get Container Properties"
        )
    if "comp=" in query:
        return f"{method} {query.partition('comp=')[2].partition('&')[0]}"
    return {"PUT": "Put Blob", "GET": "Get Blob", "HEAD": "Get Blob Properties", "DELETE": "Delete Blob"}[
        method
    ]


@pytest.fixture
def counted_azurite(tmp_path: Path) -> Iterator[AccessLog]:
    ports = Azurite(free_port(), free_port())
    log = tmp_path / "access.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *_azurite_command(), "--inMemoryPersistence", "--disableTelemetry",
                "--blobHost", "127.0.0.1", "--blobPort", str(ports.blob_port),
                "--queueHost", "127.0.0.1", "--queuePort", str(ports.queue_port),
                "--tableHost", "127.0.0.1", "--tablePort", str(free_port()),
            ],
            stdout=output, stderr=output,
        )  # fmt: skip
        try:
            _wait_until_listening(ports, process, log)
            yield AccessLog(ports.connection_string, log)
        finally:
            process.terminate()
            process.wait(timeout=10)
