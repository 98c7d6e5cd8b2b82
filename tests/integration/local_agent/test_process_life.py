"""How an agent ends and comes back: signals, kill -9, lost and damaged checkpoints. Nothing lost, nothing doubled."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil
import pytest

from local_agent.streaming.java import class_archive, find_java
from tests.integration.local_agent.agent_kit import AgentProcess, Storage, drop, eventually

pytestmark = [pytest.mark.spark, pytest.mark.azurite, pytest.mark.timeout(300)]


def fill(agent: AgentProcess, count: int, start: int = 0) -> set[bytes]:
    """Drop ``count`` files; their names."""
    agent.inbox.mkdir(parents=True, exist_ok=True)
    names = [f"file-{number:04d}.png" for number in range(start, start + count)]
    for name in names:
        drop(agent.inbox, name, name.encode())
    return {name.encode() for name in names}


def sources(storage: Storage) -> list[bytes]:
    """The source names of all blobs, repeated if doubled."""
    return sorted(blob.source for blob in storage.blobs())


def family(agent: AgentProcess) -> list[psutil.Process]:
    """The agent's descendants: the JVM and its Python workers."""
    assert agent.process is not None
    return psutil.Process(agent.process.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    return not [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


def test_killed_and_ended_agents_leave_no_process_and_the_next_one_finishes(
    tmp_path: Path, storage: Storage
) -> None:
    """kill -9 in the middle of the work, a deleted checkpoint, SIGTERM, a damaged one: one story, one folder."""
    agent = AgentProcess(tmp_path / "device", storage)
    expected = fill(agent, 1500)
    agent.start().running()
    eventually(lambda: len(sources(storage)) > 50, 60)
    children = family(agent)
    assert any("java" in child.name() for child in children)
    assert agent.process is not None
    agent.process.kill()
    agent.process.wait()
    eventually(lambda: all_gone(children), 10, "the JVM or its workers outlived the agent")

    for path in sorted((agent.root / ".agent" / "checkpoint").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    expected |= fill(agent, 500, start=1500)
    agent.start().running()
    eventually(lambda: len(sources(storage)) > 600, 60)
    children = family(agent)
    asked = time.monotonic()
    assert agent.stop() == 0
    assert time.monotonic() - asked < 10
    eventually(lambda: all_gone(children), 2, "the JVM or its workers outlived the agent")

    for path in (agent.root / ".agent" / "checkpoint").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    expected |= fill(agent, 20, start=2000)
    agent.arguments = ["--once"]
    assert agent.start().wait(90) == 0
    assert any(line["event"] == "checkpoint_set_aside" for line in agent.lines())
    assert sources(storage) == sorted(expected)
    assert not [path for path in agent.inbox.rglob("*") if path.is_file()]
    assert len([path for path in agent.done.rglob("*") if path.is_file()]) == len(expected)


def test_interrupt_while_spark_starts_ends_cleanly(tmp_path: Path, storage: Storage) -> None:
    agent = AgentProcess(tmp_path / "device", storage).start()
    eventually(lambda: agent.status().get("state") == "starting" and family(agent))
    children = family(agent)
    assert agent.process is not None
    agent.process.send_signal(signal.SIGINT)
    assert agent.wait(10) == 0
    eventually(lambda: all_gone(children), 10)


def test_spark_maps_the_archive_of_its_classes_that_prepare_made(agent: AgentProcess, tmp_path: Path) -> None:
    archive = class_archive(find_java(tmp_path))
    if not archive.is_file():
        pytest.skip("no archive here: `python -m local_agent prepare` makes one")
    jvm = next(process for process in family(agent) if "java" in process.name())
    if not hasattr(jvm, "memory_maps"):
        pytest.skip("this system does not tell what a process has mapped")
    assert str(archive) in {mapped.path for mapped in jvm.memory_maps()}
