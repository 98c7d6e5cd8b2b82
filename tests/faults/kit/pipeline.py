"""The whole pipeline on one computer, with a proxy before storage and a hand on every process.

Built from the same parts as ``pipeline.py up`` (local_stack.parts); only the addresses differ.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
from kit.proxy import Proxy

from local_stack import node_runtime, parts
from local_stack.books import Balance
from local_stack.errors import StackError
from local_stack.evidence import strike_balance
from local_stack.free_ports import free_ports
from local_stack.png_oracle import expected_sum
from local_stack.processes import ChildProcess
from local_stack.run_api import RunApi
from local_stack.state_folder import PROJECT_ROOT, StateFolder

DEVICE = "faulty-device"


def storage_string(port: int, queue_port: int, key: str) -> str:
    """The connection string of the development account behind these ports."""
    account = "devstoreaccount1"
    return (
        f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};"
        f"BlobEndpoint=http://127.0.0.1:{port}/{account};QueueEndpoint=http://127.0.0.1:{queue_port}/{account};"
    )


class Pipeline:
    """Azurite, host and agent, each startable, killable and restartable alone.

    The account key is drawn anew for each pipeline, so that it can be searched for afterwards.
    """

    def __init__(self, root: Path, seed: int) -> None:
        self.state = StateFolder(root)
        self.state.create()
        self.key = b64encode(random.Random(seed).randbytes(64)).decode("ascii")
        blob, self._queue, table, to_host, to_agent, self.port = free_ports(6)
        self.blob_port = blob
        self.host_proxy, self.agent_proxy = Proxy(to_host, blob), Proxy(to_agent, blob)
        self.storage = storage_string(blob, self._queue, self.key)
        self.environment = parts.function_settings(self.state, self.storage_through(self.host_proxy))
        self.environment["FUNCTIONS_HOST_BLOB_POLL_SECONDS"] = "0.5"
        self.environment["SWEEP_SCHEDULE"] = "*/5 * * * * *"
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = RunApi(self.url, key="", timeout=10)
        self.azurite = parts.azurite(self.state, blob, self._queue, table)
        _use_named_azurite(self.azurite)
        self.azurite.environment["AZURITE_ACCOUNTS"] = f"devstoreaccount1:{self.key}"
        self._ports = (blob, self._queue, table)
        self.host = self.host_process(self.state.host, self.port)
        self.agent = parts.agent(self.state, self.storage_through(self.agent_proxy), DEVICE)

    def storage_through(self, proxy: Proxy) -> str:
        """The account, its blobs reached through ``proxy``."""
        return storage_string(proxy.port, self._queue, self.key)

    def host_process(self, state: Path, port: int, **settings: str) -> ChildProcess:
        """A functions host (not started) on a state folder of its own."""
        child = parts.functions_host(self.state, "embedded", port, {**self.environment, **settings})
        child.command[child.command.index("--state") + 1] = str(state)
        child.log = self.state.logs / f"host-{port}.log"
        return child

    def start_azurite(self) -> None:
        self.azurite.start()
        parts.azurite_ready(self._ports, self.azurite)

    def start_host(self) -> None:
        self.host.start()
        parts.functions_host_ready(self.url, self.host)

    def start_agent(self, *, wait: bool = True) -> None:
        self.agent.start()
        if wait:
            parts.agent_ready(self.state, self.agent)

    def start(self, *, agent: bool = True) -> None:
        """Bring everything up."""
        self.start_azurite()
        parts.migrate(self.environment, self.state.logs / "migrate.log")
        if agent:
            self.start_agent(wait=False)
        self.start_host()
        if agent:
            parts.agent_ready(self.state, self.agent)

    def stop(self) -> None:
        for child in (self.agent, self.host, self.azurite):
            child.stop()
        for proxy in (self.host_proxy, self.agent_proxy):
            proxy.__exit__()

    def simulate(
        self, images: int, seed: int, prefix: str, bad: int = 0, rate: float = 0
    ) -> subprocess.Popen[bytes]:
        """The device: starts to write images; the caller waits for it, or not."""
        return subprocess.Popen(
            [sys.executable, "-m", "local_agent", "simulate", "--inbox", str(self.state.inbox), "--truth",
             str(self.state.truth / f"{prefix}.jsonl"), "--images", str(images), "--bad", str(bad),
             "--rate", str(rate), "--seed", str(seed), "--prefix", prefix],
            cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def put(self, name: bytes, content: bytes, mtime: float | None = None) -> None:
        """One file as a careful device writes it, and its line in the truth list."""
        import hashlib

        path = os.path.join(os.fsencode(self.state.inbox), name)
        temporary = os.path.join(os.fsencode(self.state.inbox), b".%d.part" % time.monotonic_ns())
        with open(temporary, "wb") as file:
            file.write(content)
        if mtime is not None:
            os.utime(temporary, (mtime, mtime))
        value = expected_sum(content)
        line = {"name": os.fsdecode(name), "sum": value, "sha256": hashlib.sha256(content).hexdigest(),
                "expected": "rejected" if value is None else "scored",
                "completed_at": datetime.now(UTC).isoformat()}  # fmt: skip
        with (self.state.truth / "put.jsonl").open("a", encoding="utf-8") as truth:
            truth.write(json.dumps(line) + "\n")
        os.replace(temporary, path)

    def balance(self, prefix: str = "") -> Balance:
        return strike_balance(self.state, self.storage, parts.CONTAINER, self.api, prefix)

    def drained(self, seconds: float, made: int | None = None, prefix: str = "") -> tuple[Balance, float]:
        """The balance once nothing waits any more, and how long that took; the last one after ``seconds``."""
        started = time.monotonic()
        while True:
            try:
                balance = self.balance(prefix)
                enough = made is None or balance.made >= made
                if enough and balance.waiting == 0 and balance.taken >= balance.made:
                    return balance, time.monotonic() - started
            except StackError:
                balance = None
            if time.monotonic() - started > seconds:
                return balance or self.balance(prefix), time.monotonic() - started
            time.sleep(0.5)


def kill(child: ChildProcess, *, whole_family: bool = True) -> None:
    """kill -9, of the process and (unless told otherwise) of everything it started."""
    if not child.pid:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(child.pid)
        family = process.children(recursive=True)
        process.kill()
        if whole_family:
            for each in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.kill()
    child._process.wait(10)


@contextlib.contextmanager
def pipeline_up(root: Path, seed: int, *, agent: bool = True) -> Iterator[Pipeline]:
    """A pipeline that is up, and is stopped whatever happens."""
    pipeline = Pipeline(root, seed)
    try:
        pipeline.start(agent=agent)
        yield pipeline
    finally:
        pipeline.stop()


def _use_named_azurite(child: ChildProcess) -> None:
    """Tests may name Azurite and Node by AZURITE_JS and NODE, as the shared fixture allows."""
    script = os.environ.get("AZURITE_JS")
    if script:
        child.command[child.command.index(str(node_runtime.AZURITE_SCRIPT))] = script
    if os.environ.get("NODE"):
        child.command[0] = os.environ["NODE"]
