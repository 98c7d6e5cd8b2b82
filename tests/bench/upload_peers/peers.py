"""What the agent is measured against, on the same files and the same server."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from upload_peers.services import ACCOUNT, CONTAINER, Service

from local_agent.blob_contract import describe
from local_agent.storage.uploads import put_headers

LANES = 32
_LEAST_HEADERS = ("x-ms-version", "x-ms-blob-type", "If-None-Match", "Content-Type")


def rclone_seconds(service: Service, folder: Path, transfers: int) -> float:
    """rclone copying the folder; its own start (about a tenth of a second) is included."""
    environment = {
        **os.environ,
        "RCLONE_CONFIG": os.devnull,
        # A SAS of the container: with an account and an endpoint, rclone 1.60 puts the account before the host.
        "RCLONE_AZUREBLOB_SAS_URL": f"{service.endpoint}/{CONTAINER}?{service.sas}",
    }
    started = time.monotonic()
    subprocess.run(
        ["rclone", "copy", str(folder), f":azureblob:{CONTAINER}", "--transfers", str(transfers), "--checkers",
         str(transfers), "--quiet"],
        env=environment, check=True,
    )  # fmt: skip
    return time.monotonic() - started


def has_rclone() -> bool:
    return shutil.which("rclone") is not None


def raw_seconds(service: Service, folder: Path, *, bare: bool = False) -> float:
    """The server's limit: keep-alive PUTs on bare sockets, all prepared in memory, answers hardly read.

    The requests are those of the agent, condition, checksum and metadata included: they are the work that is asked
    of the server. ``bare`` leaves checksum and metadata out, which the server answers faster.
    """
    sas = service.sas
    requests = []
    for number, path in enumerate(sorted(folder.iterdir())):
        content = path.read_bytes()
        blob = describe("raw", path.name.encode(), 1_700_000_000_000_000_000 + number, content)
        headers = put_headers(blob)
        if bare:
            headers = {name: headers[name] for name in _LEAST_HEADERS}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = (
            f"PUT /{ACCOUNT}/{CONTAINER}/{blob.name}?{sas} HTTP/1.1\r\nHost: 127.0.0.1:{service.port}\r\n"
            f"{lines}Content-Length: {len(content)}\r\n\r\n"
        )
        requests.append(head.encode() + content)
    started = time.monotonic()
    asyncio.run(_send_all(service.port, requests))
    return time.monotonic() - started


async def _send_all(port: int, requests: list[bytes]) -> None:
    waiting = iter(requests)

    async def lane() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 201"):
                raise RuntimeError(head.decode(errors="replace")[:200])
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            if length.strip():
                await reader.readexactly(int(length))
        writer.close()

    await asyncio.gather(*(lane() for _ in range(LANES)))


BINARY_FILE_JOB = """
import sys, time
from pathlib import Path
from pyspark.sql import SparkSession
folder, out, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
stream = (spark.readStream.format("binaryFile").option("maxFilesPerTrigger", 1)
          .schema("path string, modificationTime timestamp, length long, content binary").load(folder.as_uri())
          .selectExpr("path", "base64(content) AS image"))
query = stream.writeStream.format("json").option("path", out).option("checkpointLocation", out + "-cp").start()
def files():
    return len(list(Path(out).glob("*.json")))
while files() < 3:
    time.sleep(0.05)
first, started = files(), time.monotonic()
while files() < count:
    time.sleep(0.02)
print("RATE", (files() - first) / (time.monotonic() - started))
query.stop()
spark.stop()
"""


def binary_file_rate(folder: Path, count: int, java_home: Path) -> float:
    """Files per second of the original demo's design: binaryFile, one file per micro-batch, a JSON sink."""
    with tempfile.TemporaryDirectory() as out:
        finished = subprocess.run(
            [sys.executable, "-c", BINARY_FILE_JOB, str(folder), f"{out}/json", str(count)],
            env={**os.environ, "JAVA_HOME": str(java_home), "PYSPARK_PYTHON": sys.executable},
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
    if finished.returncode != 0:
        raise RuntimeError(finished.stderr[-2000:])
    return float(finished.stdout.partition("RATE ")[2].split()[0])
