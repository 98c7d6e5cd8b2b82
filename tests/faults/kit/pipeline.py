"""The whole pipeline on one computer, with a proxy before storage and a hand on every process.

Built from the same parts as ``pipeline.py up`` (local_stack.run.parts); only the addresses differ.
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
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil
from kit.proxy import Mode, Proxy

from local_stack.errors import StackError
from local_stack.install import runtimes
from local_stack.operate.run_api import RunApi
from local_stack.processes import ChildProcess, is_listening
from local_stack.reconcile.evidence import ENDED, reconcile
from local_stack.reconcile.reconciliation import Reconciliation
from local_stack.reconcile.second_reader import expected_sum
from local_stack.run import parts
from local_stack.state_folder import PROJECT_ROOT, StateFolder

DEVICE = "faulty-device"
_STRIKE_ANYWAY_SECONDS = 10.0


def storage_string(port: int, queue_port: int, key: str) -> str:
    """The connection string of the development account behind these ports."""
    account = "devstoreaccount1"
    return (
        f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};"
        f"BlobEndpoint=http://127.0.0.1:{port}/{account};QueueEndpoint=http://127.0.0.1:{queue_port}/{account};"
    )


@dataclass(frozen=True)
class Canaries:
    """Secrets drawn for one pipeline, so that they can be searched for afterwards; none in the repr."""

    account_key: str = field(repr=False)
    function_key: str = field(repr=False)
    webhook_key: str = field(repr=False)
    sql_password: str = field(repr=False)

    @classmethod
    def drawn(cls, seed: int) -> Canaries:
        chance = random.Random(f"canaries/{seed}")
        # The account key is base64 and so is the function key; a password is what a person would choose.
        account, function, webhook = (b64encode(chance.randbytes(n)).decode("ascii") for n in (64, 30, 30))
        return cls(
            account,
            function.replace("/", "_"),
            webhook.replace("/", "_"),
            f"Pw-{chance.randbytes(12).hex()}!",
        )


class HostProcess(ChildProcess):
    """A functions host that enforces keys, and finds the drawn ones in its state folder whenever it starts."""

    keys: Path
    canaries: Canaries

    def start(self) -> None:
        if not self.keys.exists():
            self.keys.parent.mkdir(parents=True, exist_ok=True)
            self.keys.write_text(
                json.dumps({"hostKeys": {"default": self.canaries.function_key},
                            "systemKeys": {"blobs_extension": self.canaries.webhook_key}})
            )  # fmt: skip
            self.keys.chmod(0o600)
        super().start()


class Pipeline:
    """Azurite, host and agent, each startable, killable and restartable alone. Keys are enforced, as in Azure."""

    def __init__(self, root: Path, seed: int) -> None:
        self.state = StateFolder(root)
        self.state.create()
        self.canaries = Canaries.drawn(seed)
        self.key = self.canaries.account_key
        blob, self._queue, table, to_host, to_agent, self.port = steady_ports(6)
        self.blob_port = blob
        self.host_proxy, self.agent_proxy = Proxy(to_host, blob), Proxy(to_agent, blob)
        self.storage = storage_string(blob, self._queue, self.key)
        self.environment = parts.function_settings(self.state, self.storage_through(self.host_proxy))
        self.environment["FUNCTIONS_HOST_BLOB_POLL_SECONDS"] = "0.5"
        self.environment["SWEEP_SCHEDULE"] = "*/5 * * * * *"
        self.url = f"http://127.0.0.1:{self.port}"
        self.api = RunApi(self.url, key=self.canaries.function_key, timeout=10)
        self.azurite = parts.azurite(self.state, blob, self._queue, table)
        _use_named_azurite(self.azurite)
        self.azurite.environment["AZURITE_ACCOUNTS"] = f"devstoreaccount1:{self.key}"
        self._ports = (blob, self._queue, table)
        self.host = self.host_process(self.state.host, self.port)
        self.agent = parts.agent(self.state, self.storage_through(self.agent_proxy), DEVICE)

    def storage_through(self, proxy: Proxy) -> str:
        """The account, its blobs reached through ``proxy``."""
        return storage_string(proxy.port, self._queue, self.key)

    def host_process(self, state: Path, port: int, **settings: str) -> HostProcess:
        """A functions host (not started) on a state folder of its own."""
        plain = parts.functions_host(self.state, "embedded", port, {**self.environment, **settings})
        command = [*plain.command, "--enable-auth"]
        command[command.index("--state") + 1] = str(state)
        log = self.state.logs / f"host-{port}.log"
        child = HostProcess(plain.name, command, plain.environment, log, plain.cwd)
        child.keys, child.canaries = state / "keys.json", self.canaries
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

    def ready(self) -> None:
        """Wait until every part that was started answers. Raises StackError for one that has ended."""
        parts.azurite_ready(self._ports, self.azurite)
        parts.functions_host_ready(self.url, self.host)
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

    def revive(self) -> None:
        """Whatever a fault ended or cut off is there again."""
        for proxy in (self.host_proxy, self.agent_proxy):
            if proxy.mode is not Mode.PASS:
                proxy.mode = Mode.PASS
        if self.azurite.exit_code() is not None:
            self.start_azurite()
        if self.host.exit_code() is not None:
            self.start_host()
        if self.agent.exit_code() is not None:
            self.start_agent()

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
            [sys.executable, "-m", "local_agent", "simulate", "--inbox", str(self.state.inbox), "--manifest",
             str(self.state.manifests / f"{prefix}.jsonl"), "--images", str(images), "--bad", str(bad),
             "--rate", str(rate), "--seed", str(seed), "--prefix", prefix],
            cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def put(self, name: bytes, content: bytes, mtime: float | None = None) -> None:
        """One file as a careful device writes it, and its line in the manifest."""
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
        with (self.state.manifests / "put.jsonl").open("a", encoding="utf-8") as truth:
            truth.write(json.dumps(line) + "\n")
        os.replace(temporary, path)

    def balance(self, prefix: str = "") -> Reconciliation:
        return reconcile(self.state, self.storage, parts.CONTAINER, self.api, prefix)

    def drained(
        self, seconds: float, made: int | None = None, prefix: str = ""
    ) -> tuple[Reconciliation, float]:
        """The balance once nothing waits any more, and how long that took; the last one after ``seconds``."""
        started = struck = time.monotonic()
        while True:
            now = time.monotonic()
            # Reconciling reads every row and blob: worth it once the totals say that all may have ended.
            if self._all_may_have_ended() or now - struck > _STRIKE_ANYWAY_SECONDS or now - started > seconds:
                struck = now
                with contextlib.suppress(StackError):
                    balance = self.balance(prefix)
                    enough = made is None or balance.made >= made
                    if enough and balance.waiting == 0 and balance.balanced and balance.taken >= balance.made:
                        return balance, time.monotonic() - started
            if now - started > seconds:
                return self.balance(prefix), now - started
            time.sleep(0.3)

    def _all_may_have_ended(self) -> bool:
        counts = self.api.counts()
        ended = sum(counts.get(name, 0) for name in ENDED)
        return bool(counts) and ended >= sum(map(_line_count, self.state.manifests.glob("*.jsonl")))


def _line_count(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def steady_ports(count: int) -> list[int]:
    """Free ports below the range from which outgoing connections take theirs.

    A part that was killed must get its port back; one of that range may be somebody's source port by then.
    """
    chance = random.SystemRandom()
    ports: list[int] = []
    while len(ports) < count:
        port = chance.randrange(10_000, 32_000)
        if port not in ports and not is_listening(port):
            ports.append(port)
    return ports


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
    assert child._process is not None  # it has a process id
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
        child.command[child.command.index(str(runtimes.AZURITE_SCRIPT))] = script
    if os.environ.get("NODE"):
        child.command[0] = os.environ["NODE"]
