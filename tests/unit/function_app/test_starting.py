"""One run per blob version, however often and by whomever its arrival is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from function_app.errors import Permanent
from function_app.models import ImageVersion, RunRequest
from function_app.recent_bytes import RecentBytes
from function_app.starting import Started, run_of_blob, start_run

PROPERTIES = {"ETag": '"0x1"', "ContentLength": 12, "LastModified": "2026-01-01T00:00:00+00:00"}


def nowhere(_: object) -> None:
    """The list of living runs is no concern of this test."""


class DurableHost:
    """As the extension behaves: a live id is refused; every answer takes its time."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.known: set[str] = set()

    async def get_status(self, run_id: str) -> bool:
        known = run_id in self.known
        await asyncio.sleep(0)
        return known

    async def start_new(self, name: str, run_id: str, told: Any) -> str:
        await asyncio.sleep(0)
        if run_id in self.known:
            raise Exception("An Orchestration instance with the status Running already exists.")
        self.known.add(run_id)
        self.started.append(run_id)
        return run_id


def test_the_trigger_s_words_become_a_run():
    run = run_of_blob("img/a/b.png", PROPERTIES, {})
    assert run.image == ImageVersion("img", "a/b.png", "0x1", 12)
    assert run.lineage.uploaded_at == datetime(2026, 1, 1, tzinfo=UTC)


def test_an_empty_blob_is_a_run_too():
    assert run_of_blob("img/x", {**PROPERTIES, "ContentLength": None}, {}).image.size_bytes == 0


@pytest.mark.parametrize(("path", "properties"), [("img/x", {}), ("img/", PROPERTIES), ("img", PROPERTIES)])
def test_a_blob_without_version_or_name_cannot_be_started(path, properties):
    with pytest.raises(Permanent):
        run_of_blob(path, properties, {})


async def test_ten_deliveries_at_once_start_one_run():
    host, run = DurableHost(), run_of_blob("img/x", PROPERTIES, {})
    noted: list[RunRequest] = []
    answers = await asyncio.gather(*(start_run(host, run, noted.append) for _ in range(10)))
    assert (host.started, noted) == ([run.run_id], [run])
    assert sorted(answers) == [Started.ALREADY] * 9 + [Started.NOW]


async def test_a_host_that_refuses_for_another_reason_is_told():
    class Broken(DurableHost):
        async def start_new(self, name: str, run_id: str, told: Any) -> str:
            raise Exception("no such orchestrator")

    with pytest.raises(Exception, match="no such orchestrator"):
        await start_run(Broken(), run_of_blob("img/x", PROPERTIES, {}), nowhere)


def test_the_memory_of_bytes_is_bounded_and_forgets_the_oldest():
    memory = RecentBytes(most_bytes=10)
    versions = [ImageVersion("img", str(n), "1", 4) for n in range(4)]
    for version in versions:
        memory.put(version, b"1234")
    assert [memory.get(version) is not None for version in versions] == [False, False, True, True]
    memory.put(ImageVersion("img", "giant", "1", 99), b"x" * 99)
    assert memory.get(ImageVersion("img", "giant", "1", 99)) is None


def test_forgotten_bytes_make_room_for_others():
    memory = RecentBytes(most_bytes=8)
    kept, used, new = (ImageVersion("img", name, "1", 4) for name in ("kept", "used", "new"))
    memory.put(kept, b"1234")
    memory.put(used, b"1234")
    memory.forget(used)
    memory.forget(used)
    memory.put(new, b"1234")
    assert [memory.get(image) for image in (kept, used, new)] == [b"1234", None, b"1234"]
