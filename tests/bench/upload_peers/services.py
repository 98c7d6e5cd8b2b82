"""The servers the uploads go to: a fresh Azurite, and one that answers every PUT at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

ROOT = Path(__file__).resolve().parents[3]
ACCOUNT = "devstoreaccount1"
# The development account that every Azurite has: public, not a secret.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
CONTAINER = "img"


@dataclass(frozen=True)
class Service:
    """A blob service on this computer."""

    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/{ACCOUNT}"

    @property
    def connection_string(self) -> str:
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.endpoint};"

    @property
    def sas(self) -> str:
        return generate_container_sas(
            ACCOUNT, CONTAINER, account_key=KEY, expiry=datetime.now(UTC) + timedelta(days=1),
            permission=ContainerSasPermissions(read=True, create=True, write=True, list=True),
        )  # fmt: skip

    def blob_count(self) -> int:
        with ContainerClient.from_connection_string(
            self.connection_string, CONTAINER, api_version="2021-12-02"
        ) as client:
            return sum(1 for _ in client.list_blob_names())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def azurite() -> Iterator[Service]:
    """A new Azurite with an empty container: earlier rounds must not slow later ones."""
    script = os.environ.get("AZURITE_JS") or str(
        ROOT / ".local/runtime/azurite/node_modules/azurite/dist/src/azurite.js"
    )
    blob_only = Path(script).with_name("blob") / "main.js"
    service = Service(free_port())
    command = [os.environ.get("NODE", "node"), str(blob_only), "--inMemoryPersistence", "--silent",
               "--disableTelemetry", "--blobHost", "127.0.0.1", "--blobPort", str(service.port)]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder, _process(command, service.port, folder):
        with ContainerClient.from_connection_string(
            service.connection_string, CONTAINER, api_version="2021-12-02"
        ) as client:
            client.create_container()
        yield service


@contextlib.contextmanager
def instant_server() -> Iterator[Service]:
    """A server that answers 201 to everything: what the client alone can do."""
    service = Service(free_port())
    with _process([sys.executable, __file__, str(service.port)], service.port, None):
        yield service


@contextlib.contextmanager
def _process(command: list[str], port: int, folder: str | None) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


class _Instant(asyncio.Protocol):
    """Reads requests by their Content-Length, answers each in one write."""

    _ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self._transport.write(self._ANSWER)  # type: ignore[attr-defined]


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Instant, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(int(sys.argv[1])))
