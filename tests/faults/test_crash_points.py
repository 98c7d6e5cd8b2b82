"""kill -9 at every numbered side effect: of the uploader (row 1) and of one orchestration (row 2)."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from azure.storage.blob import ContainerClient
from kit.pictures import grey_png
from kit.pipeline import Pipeline
from kit.report import Report

from local_agent.folder.layout import DeviceFolders
from local_stack import parts
from local_stack.errors import StackError
from local_stack.processes import wait_until
from local_stack.state_folder import PROJECT_ROOT

SCRIPTS = Path(__file__).parent / "kit" / "scripts"
_FILES = 2


def test_uploader_killed_at_every_side_effect(
    tmp_path: Path, azurite: object, report: Report, seed: int
) -> None:
    """A loop that ends with the first life that is not killed: each file is one blob, and all are in done/."""
    storage: str = azurite.connection_string  # type: ignore[attr-defined]
    point = 0
    lost = duplicate = wrong = 0
    while True:
        point += 1
        container = f"crash-{uuid.uuid4().hex[:12]}"
        client = ContainerClient.from_connection_string(storage, container, api_version="2025-11-05")
        client.create_container()
        folders = DeviceFolders(tmp_path / str(point))
        folders.create()
        pictures = {f"{name}.png": grey_png(seed + name) for name in range(_FILES)}
        for name, content in pictures.items():
            (folders.inbox / name).write_bytes(content)
        untouched = _one_life(folders.root, storage, container, point) == 0
        if not untouched:
            assert _one_life(folders.root, storage, container, 0) == 0
        stored = {blob.name: hashlib.sha256(client.download_blob(blob.name).readall()).hexdigest()
                  for blob in client.list_blobs()}  # fmt: skip
        expected = sorted(hashlib.sha256(content).hexdigest() for content in pictures.values())
        kept = sorted(path.name for path in folders.done.glob("*.png"))
        lost += len(set(expected) - set(stored.values()))
        duplicate += max(0, len(stored) - _FILES)
        wrong += (kept != sorted(pictures)) + len(list(folders.inbox.iterdir()))
        if untouched:
            break
    assert point > 3 * _FILES, "the crash points were not reached"
    report.zeros(report.figures(lost=lost, duplicate=duplicate, wrong=wrong, images=point * _FILES,
                                notes={"points": point - 1}))  # fmt: skip


def _one_life(root: Path, storage: str, container: str, crash_at: int) -> int:
    environment = {
        **os.environ,
        "CRASH_AT": str(crash_at),
        "AGENT_STORAGE_CONNECTION_STRING": storage,
        "AGENT_CONTAINER": container,
        "PYTHONPATH": str(PROJECT_ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    words = [sys.executable, str(SCRIPTS / "crashing_uploader.py"), str(root), "crashing"]
    ended = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if crash_at == 0:
        assert ended.returncode == 0, ended.stderr
    return subprocess_code(ended.returncode, ended.stderr)


def subprocess_code(code: int, said: str) -> int:
    """0, or -9 for the planned death; anything else is a failure of the test kit or the uploader."""
    assert code in (0, -9), said
    return code


@pytest.mark.timeout(300)
def test_host_killed_after_every_commit_of_one_orchestration(
    pipeline: Pipeline, report: Report, seed: int
) -> None:
    """Each life ends after its first durable commit; the run must reach its row all the same, and only one."""
    pipeline.host.stop()
    pipeline.simulate(1, seed, "commits").wait(30)
    whole = pipeline.host.command
    crashing = [sys.executable, str(SCRIPTS / "crashing_host.py"), *whole[whole.index("start") :]]
    lives = 0
    settings = dict(pipeline.host.environment)
    # The sweep commits too, in every life: it rests, so that the commits counted are those of the one run.
    pipeline.host.environment |= {"PYTHONPATH": str(PROJECT_ROOT), "SWEEP_SCHEDULE": "0 0 0 1 1 *"}
    pipeline.host.command = crashing
    started = time.monotonic()
    try:
        while lives < 60:
            lives += 1
            # One commit a life; two after many lives, in case something else commits at every start.
            pipeline.host.environment["CRASH_AFTER_COMMIT"] = str(1 + lives // 15)
            pipeline.host.start()
            assert wait_until(lambda: pipeline.host.exit_code() is not None or _has_its_row(pipeline), 90)
            if pipeline.host.exit_code() is None:
                break  # nothing left to commit: the run has ended
            assert pipeline.host.exit_code() == -9, pipeline.host.log.read_text()[-2000:]
        assert pipeline.host.exit_code() is None, "the run did not end within 60 lives"
    finally:
        pipeline.host.stop()
        pipeline.host.command = whole
        pipeline.host.environment = settings
    pipeline.start_host()
    parts.functions_host_ready(pipeline.url, pipeline.host)
    balance, seconds = pipeline.drained(60, made=1, prefix="commits")
    assert lives >= 5, "the crash points were not reached"
    report.balanced(balance, seconds, 1, lives=lives, loop_seconds=round(time.monotonic() - started, 1))


def _has_its_row(pipeline: Pipeline) -> bool:
    try:
        balance = pipeline.balance("commits")
    except StackError:
        return False  # not up yet, or just killed
    return balance.scored == 1 and balance.waiting == 0
