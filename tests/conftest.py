"""Fixtures shared by all tests: a real Azurite on free ports, and databases on a live T-SQL engine if there is one."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The well-known development account that Azurite ships with (public, not a secret).
_DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True)
class Azurite:
    """A running Azurite: blob and queue service of the development account."""

    blob_port: int
    queue_port: int

    @property
    def connection_string(self) -> str:
        account = "devstoreaccount1"
        return (
            f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={_DEVELOPMENT_KEY};"
            f"BlobEndpoint=http://127.0.0.1:{self.blob_port}/{account};"
            f"QueueEndpoint=http://127.0.0.1:{self.queue_port}/{account};"
        )


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _azurite_command() -> list[str]:
    """Node and Azurite's script: named by NODE and AZURITE_JS, else where `pipeline.py` puts them."""
    script = os.environ.get("AZURITE_JS") or str(
        ROOT / ".local/runtime/azurite/node_modules/azurite/dist/src/azurite.js"
    )
    node = os.environ.get("NODE") or shutil.which("node", path=str(Path(sys.executable).parent)) or "node"
    if not Path(script).is_file():
        pytest.fail(
            f"Azurite is not installed at {script}; run: python3 pipeline.py test (or set AZURITE_JS)"
        )
    return [node, script]


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """One real Azurite for the whole test run, in memory, on free ports; use unique container names."""
    with _running_azurite(tmp_path_factory.mktemp("azurite")) as ports:
        yield ports


@pytest.fixture
def own_azurite(tmp_path: Path) -> Iterator[Azurite]:
    """An Azurite of this test alone, for container names that are given."""
    with _running_azurite(tmp_path) as ports:
        yield ports


@contextmanager
def _running_azurite(folder: Path) -> Iterator[Azurite]:
    log = folder / "azurite.log"
    ports = Azurite(free_port(), free_port())
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *_azurite_command(), "--inMemoryPersistence", "--silent", "--disableTelemetry",
                "--blobHost", "127.0.0.1", "--blobPort", str(ports.blob_port),
                "--queueHost", "127.0.0.1", "--queuePort", str(ports.queue_port),
                "--tableHost", "127.0.0.1", "--tablePort", str(free_port()),
            ],
            stdout=output,
            stderr=output,
        )  # fmt: skip
        try:
            _wait_until_listening(ports, process, log)
            yield ports
        finally:
            process.terminate()
            process.wait(timeout=10)


def _wait_until_listening(ports: Azurite, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    for port in (ports.blob_port, ports.queue_port):
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"Azurite did not start: {log.read_text()}")
                time.sleep(0.1)


@pytest.fixture(scope="session")
def new_database() -> Iterator[Callable[[], str]]:
    """Makes empty databases beside the one that TEST_SQL_CONNECTION_STRING names, and drops them at the end.

    Each call gives the connection string of another one. Skips, naming the reason, where there is no engine.
    """
    base = os.environ.get("TEST_SQL_CONNECTION_STRING")
    if not base:
        pytest.skip("TEST_SQL_CONNECTION_STRING is not set: no live T-SQL engine to test against")
    from database_connection.connection_string import parse, write
    from sql_migrations.mssql_engine import connect

    def named(database: str) -> str:
        return write(parse(base) | {"database": database})

    made: list[str] = []
    with closing(connect(named("master"))) as master:

        def make() -> str:
            made.append(f"pipeline_test_{uuid.uuid4().hex[:12]}")
            master.execute(f"CREATE DATABASE {made[-1]}")
            return named(made[-1])

        yield make
        for name in made:
            _drop(master, name)


def _drop(master: Any, name: str) -> None:
    """A server notices a connection that was cut by a test only after a moment."""
    import pyodbc

    for attempt in range(20):
        try:
            master.execute(f"DROP DATABASE {name}")
            return
        except pyodbc.Error:
            if attempt == 19:
                raise
            time.sleep(0.5)
