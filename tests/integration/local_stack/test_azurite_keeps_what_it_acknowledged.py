"""The stack's Azurite is ended with kill -9 at any moment and still has what it acknowledged (docs/adr/0006)."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueClient

from local_stack.errors import StackError
from local_stack.install import runtimes
from local_stack.processes import ChildProcess
from local_stack.run import parts
from local_stack.state_folder import StateFolder
from tests.conftest import Azurite, free_port

WRITERS = 8


class KillableAzurite:
    """Azurite as ``pipeline.py up`` starts it, on ports and a folder that outlive it."""

    def __init__(self, root: Path) -> None:
        self.state = StateFolder(root)
        self.state.create()
        self.ports = Azurite(free_port(), free_port())
        self._all = (self.ports.blob_port, self.ports.queue_port, free_port())
        self.process: ChildProcess = parts.azurite(self.state, *self._all)
        command = self.process.command
        command[0] = os.environ.get("NODE", command[0])
        command[command.index(str(runtimes.AZURITE_SCRIPT))] = os.environ.get(
            "AZURITE_JS", str(runtimes.AZURITE_SCRIPT)
        )

    def start(self) -> None:
        self.process.start()
        parts.azurite_ready(self._all, self.process)

    def kill(self) -> None:
        psutil.Process(self.process.pid).kill()
        self.process.stop()

    def container(self) -> ContainerClient:
        service = BlobServiceClient.from_connection_string(
            self.ports.connection_string, api_version="2025-11-05", retry_total=0
        )
        return service.get_container_client("kept")

    def journals(self) -> list[Path]:
        return sorted(self.state.azurite.glob("*.journal*"))


@pytest.fixture
def killable(tmp_path: Path) -> Iterator[KillableAzurite]:
    azurite = KillableAzurite(tmp_path)
    azurite.start()
    try:
        azurite.container().create_container()
        yield azurite
    finally:
        azurite.process.stop()


class Writer(threading.Thread):
    """Writes, rewrites and deletes blobs of its own until Azurite is gone; remembers what it was told.

    ``known`` has the content of each blob, None for a deleted one; ``uncertain`` is the one without an answer.
    """

    def __init__(self, container: ContainerClient, number: int, seed: int) -> None:
        super().__init__()
        self._container = container
        self._names = [f"{number}/{name}" for name in range(150)]
        self._chance = random.Random(f"{seed}/{number}")
        self.known: dict[str, bytes | None] = {}
        self.uncertain = ""

    def run(self) -> None:
        for count in range(1_000_000):
            name = self._names[count % len(self._names)]
            self.uncertain = name
            content = None if self._chance.random() < 0.2 else self._chance.randbytes(40)
            try:
                if content is not None:
                    self._container.upload_blob(name, content, overwrite=True)
                elif self.known.get(name) is not None:
                    self._container.delete_blob(name)
            except AzureError:
                return
            self.known[name], self.uncertain = content, ""


def test_no_acknowledged_write_is_lost_by_a_kill(killable: KillableAzurite) -> None:
    seed = random.SystemRandom().randrange(1 << 30)
    chance = random.Random(seed)
    truth: dict[str, bytes | None] = {}
    for round_ in range(3):
        writers = [Writer(killable.container(), number, seed + round_) for number in range(WRITERS)]
        for writer in writers:
            writer.known = {name: truth.get(name) for name in writer._names}
            writer.start()
        time.sleep(2.5 + chance.random())
        killable.kill()
        for writer in writers:
            writer.join(30)
        killable.start()
        container = killable.container()
        there = {blob.name for blob in container.list_blobs()}
        for writer in writers:
            for name, content in writer.known.items():
                found = container.download_blob(name).readall() if name in there else None
                assert name == writer.uncertain or found == content, f"seed {seed}, round {round_}, {name}"
                truth[name] = found
    assert sum(content is not None for content in truth.values()) > 500, "the test wrote too little to tell"


def test_a_line_that_was_cut_off_is_no_reason_not_to_start(killable: KillableAzurite) -> None:
    killable.container().upload_blob("a", b"1")
    killable.kill()
    cut = [path for path in killable.journals() if path.name == "__azurite_db_blob__.json.journal"]
    assert cut
    with cut[0].open("ab") as journal:
        journal.write(b'{"name":"$BLOBS_COLLECTION$","operation":"I","ob')
    killable.start()
    killable.container().upload_blob("b", b"2")
    killable.kill()
    killable.start()
    assert {blob.name for blob in killable.container().list_blobs()} == {"a", "b"}


def test_a_damaged_journal_is_named_and_not_passed_over(killable: KillableAzurite) -> None:
    killable.container().upload_blob("a", b"1")
    killable.kill()
    journal = killable.state.azurite / "__azurite_db_blob__.json.journal"
    journal.write_bytes(b"\0damaged\n" + journal.read_bytes())
    with pytest.raises(StackError, match=r"__azurite_db_blob__.json.journal is damaged .* Move it away"):
        killable.start()
    assert journal.exists()


def test_a_queued_message_outlives_a_kill_too(killable: KillableAzurite) -> None:
    queue = QueueClient.from_connection_string(killable.ports.connection_string, "webjobs-blobtrigger-poison")
    queue.create_queue()
    queue.send_message("poison")
    killable.kill()
    killable.start()
    assert [message.content for message in queue.receive_messages()] == ["poison"]


def test_a_start_begins_a_new_journal(killable: KillableAzurite) -> None:
    """Else what was replayed once would be replayed over what came after it."""
    killable.container().upload_blob("a", b"1")
    assert any(path.stat().st_size for path in killable.journals())
    killable.process.stop()
    killable.start()
    assert not any(path.stat().st_size for path in killable.journals())
    assert [blob.name for blob in killable.container().list_blobs()] == ["a"]
