"""kill -9 at every numbered side effect: of the uploader and of one orchestration."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import ContainerClient
from kit.pictures import grey_png
from kit.pipeline import steady_ports
from kit.report import Report

from local_agent.folder.layout import DeviceFolders
from local_stack.processes import ChildProcess, wait_until
from local_stack.reconcile.second_reader import expected_sum
from local_stack.run import parts
from local_stack.state_folder import PROJECT_ROOT, StateFolder

SCRIPTS = Path(__file__).parent / "kit" / "scripts"
_FILES = 2
_LIVES_AT_MOST = 60
_COMPLETED = 1  # OrchestrationStatus of the Durable protocol


def new_container(storage: str) -> ContainerClient:
    client = ContainerClient.from_connection_string(
        storage, f"crash-{uuid.uuid4().hex[:12]}", api_version="2025-11-05"
    )
    client.create_container()
    return client


def test_uploader_killed_at_every_side_effect(
    tmp_path: Path, azurite: Any, report: Report, seed: int
) -> None:
    """A loop that ends with the first life that is not killed: each file is one blob, and all are in done/."""
    point = lost = duplicate = wrong = 0
    with _lives(azurite.connection_string) as live:
        while True:
            point += 1
            client = new_container(azurite.connection_string)
            folders = DeviceFolders(tmp_path / str(point))
            folders.create()
            pictures = {f"{name}.png": grey_png(seed + name) for name in range(_FILES)}
            for name, content in pictures.items():
                (folders.inbox / name).write_bytes(content)
            untouched = live(folders.root, client.container_name, point) == 0
            if not untouched:
                assert live(folders.root, client.container_name, 0) == 0
            stored = {blob.name: hashlib.sha256(client.download_blob(blob.name).readall()).hexdigest()
                      for blob in client.list_blobs()}  # fmt: skip
            expected = {hashlib.sha256(content).hexdigest() for content in pictures.values()}
            kept = sorted(path.name for path in folders.done.glob("*.png"))
            lost += len(expected - set(stored.values()))
            duplicate += max(0, len(stored) - _FILES)
            wrong += (kept != sorted(pictures)) + len(list(folders.inbox.iterdir()))
            if untouched:
                break
    assert point > 3 * _FILES, "the crash points were not reached"
    report.zeros(report.figures(lost=lost, duplicate=duplicate, wrong=wrong, images=point * _FILES,
                                notes={"points": point - 1}))  # fmt: skip


@contextmanager
def _lives(storage: str) -> Iterator[Callable[[Path, str, int], int]]:
    """A function that gives an uploader one life: its folder, its container, where to crash (0 nowhere)."""
    environment = {**os.environ, "AGENT_STORAGE_CONNECTION_STRING": storage, "PYTHONPATH": str(PROJECT_ROOT)}
    words = [sys.executable, "-B", str(SCRIPTS / "crashing_uploader.py"), "crashing"]
    with subprocess.Popen(
        words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        asked, answered = parent.stdin, parent.stdout

        def live(root: Path, container: str, crash_at: int) -> int:
            asked.write(f"{root} {container} {crash_at}\n")
            code = int(answered.readline())
            assert code in ((0,) if crash_at == 0 else (0, -9)), "neither done nor killed by its crash point"
            return code

        yield live
        asked.close()


@pytest.mark.timeout(300)
def test_host_killed_after_every_commit_of_one_orchestration(
    tmp_path: Path, azurite: Any, report: Report, seed: int
) -> None:
    """Each life ends after its first durable commit; the run must reach its row all the same, and only one."""
    picture = grey_png(seed)
    container = new_container(azurite.connection_string)
    state = StateFolder(tmp_path)
    state.create()
    environment = {
        **parts.function_settings(state, azurite.connection_string),
        "IMAGE_CONTAINER": container.container_name,
        "PYTHONPATH": str(PROJECT_ROOT),
        # The sweep commits too, in every life: it rests, so that the commits counted are those of the one run.
        "SWEEP_SCHEDULE": "0 0 0 1 1 *",
        "CRASH_CLAIMED": str(state.root / "claimed-once"),
        "CRASH_LIVES": str(_LIVES_AT_MOST),
    }
    parts.migrate(environment, state.logs / "migrate.log")
    [port] = steady_ports(1)
    host = parts.functions_host(state, "embedded", port, environment)
    host.command = [sys.executable, "-B", str(SCRIPTS / "crashing_host.py"),
                    *host.command[host.command.index("start") :]]  # fmt: skip
    container.upload_blob("crashing/x.png", picture)
    started = time.monotonic()
    host.start()
    try:
        ended = wait_until(lambda: _has_completed(state) or host.exit_code() is not None, 200)
        # The commit that completes the run is a crash point as well: the life after it must find nothing to do.
        wait_until(lambda: host.log.read_text().count("Host started") > _lives_ended(host), 20)
        lives = _lives_ended(host)
        assert ended, host.log.read_text()
        assert host.exit_code() is None, host.log.read_text()
    finally:
        host.stop()
    rows = _rows(state)
    report.zeros(
        report.figures(lost=int(not rows), duplicate=max(0, len(rows) - 1), images=1,
                       wrong=sum(row != ("scored", expected_sum(picture)) for row in rows),
                       notes={"lives": lives, "loop_seconds": round(time.monotonic() - started, 1)}),
        rows,
    )  # fmt: skip
    assert lives >= 8, "the crash points were not reached"


def _rows(state: StateFolder) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(f"file:{state.database}?mode=ro", uri=True)) as database:
        return database.execute("SELECT outcome, value FROM runs LEFT JOIN scores USING (run_id)").fetchall()


def _has_completed(state: StateFolder) -> bool:
    """The hub's one orchestration, asked in its file: the API may be between two lives."""
    hub = state.host / "durable-imagescoring.db"
    if not hub.exists():
        return False
    with closing(sqlite3.connect(f"file:{hub}?mode=ro", uri=True)) as database:
        try:
            return database.execute("SELECT status FROM instance").fetchall() == [(_COMPLETED,)]
        except sqlite3.OperationalError:
            return False  # its tables are not there yet


def _lives_ended(host: ChildProcess) -> int:
    return host.log.read_text(errors="replace").count(" ended with -9")
