"""A blob far over the limit: nobody holds it. (Recorded on the real host: 2.2 GB, where the trigger takes bytes.)"""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from pathlib import Path

import psutil
import pytest
from azure.storage.blob import BlobBlock
from kit.pictures import grey_png
from kit.pipeline import Pipeline, pipeline_up
from kit.report import Report

from function_app.errors import TooLarge
from function_app.settings import StorageSettings
from function_app.storage.blobs import connect
from local_stack.run import parts

BLOB_MB, BLOCK_MB, MOST_MB = 500, 10, 50


class PeakOf:
    """The highest resident set of a process and its children, beyond what it was at the start, in MB."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._before = self._highest = self._resident()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> PeakOf:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _resident(self) -> int:
        family = [self._process, *self._process.children(recursive=True)]
        return sum(each.memory_info().rss for each in family)

    def _watch(self) -> None:
        while not self._ended.wait(0.02):
            self._highest = max(self._highest, self._resident())

    @property
    def megabytes(self) -> int:
        return round((self._highest - self._before) / 2**20)


@pytest.mark.timeout(180)
def test_half_a_gigabyte_is_refused_by_its_size_and_held_by_nobody(
    tmp_path: Path, report: Report, seed: int
) -> None:
    with pipeline_up(tmp_path, seed, agent=False) as pipeline:
        service = connect(StorageSettings(pipeline.storage))
        container = service.get_container_client(parts.CONTAINER)
        if not container.exists():
            container.create_container()
        container.upload_blob(
            "warm.png", grey_png(seed)
        )  # what the app imports for its first image is no growth
        assert _ended(pipeline, "warm.png")["outcome"] == "scored"
        started = time.monotonic()
        with PeakOf(pipeline.host.pid) as memory:
            giant = container.get_blob_client("giant.png")
            block = BlobBlock(b64encode(b"the same one again").decode())
            giant.stage_block(block.id, bytes(BLOCK_MB << 20))
            giant.commit_block_list([block] * (BLOB_MB // BLOCK_MB))
            run = _ended(pipeline, "giant.png")
        assert run["size_bytes"] == BLOB_MB << 20
        report.zeros(report.figures(
            wrong=int((run["outcome"], run["reason"]) != ("rejected", TooLarge.reason)), images=2,
            drain_seconds=round(time.monotonic() - started, 1), notes={"host_growth_mb": memory.megabytes},
        ))  # fmt: skip
        assert memory.megabytes < MOST_MB
        for each in (parts.CONTAINER, "img-quarantine"):
            service.delete_container(each)  # the disk, too, has better uses


def _ended(pipeline: Pipeline, name: str) -> dict[str, object]:
    """The image's ended run."""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        code, seen = pipeline.api.get(f"images/{name}")
        if code == 200 and seen["runs"] and seen["runs"][0]["outcome"]:
            return dict(seen["runs"][0])
        time.sleep(0.2)
    raise AssertionError(f"{name} has no outcome")
