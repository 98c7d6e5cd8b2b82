"""A container and a database of a size that nobody can hold in memory: sweep and audit, measured."""

from __future__ import annotations

import asyncio
import http.server
import sqlite3
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from typing import Any

import psutil
import pytest
from kit.report import Report

from function_app.maintenance.sweep import Budget, timed_sweep
from function_app.models.identity import run_id_of
from function_app.results import open_result_store
from function_app.settings import Settings, StorageSettings
from function_app.storage.blobs import ImageBlobs, connect
from function_app.workflow.resources import Resources
from local_stack.reconcile.reconciliation import ManifestLine, open_reconciler
from sql_migrations import runner
from sql_migrations.engine import open_engine
from sql_migrations.files import folder_for, read_folder

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]
BLOBS, IMAGES, PAGE = 100_000, 1_000_000, 1_000
_UPLOADED = 1_767_225_600  # 2026-01-01
_BLOB = (
    "<Blob><Name>{name}</Name><Properties><Creation-Time>{date}</Creation-Time><Last-Modified>{date}</Last-Modified>"
    "<Etag>0x1</Etag><Content-Length>900</Content-Length><Content-Type>image/png</Content-Type>"
    "<BlobType>BlockBlob</BlobType></Properties>"
    "<Metadata><deviceid>cam</deviceid><sourcename>{name}</sourcename><sha256>{sha}</sha256></Metadata></Blob>"
)


class PeakMemory:
    """The highest resident set of this process, beyond what it was at the start, in MB."""

    def __init__(self) -> None:
        self._before = self._highest = psutil.Process().memory_info().rss
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._ended.wait(0.05):
            self._highest = max(self._highest, process.memory_info().rss)

    @property
    def megabytes(self) -> int:
        return round((self._highest - self._before) / 2**20)


class Listing(http.server.BaseHTTPRequestHandler):
    """A container of 100,000 blobs as Azure lists it, and the one blob that the sweep keeps its place in.

    Azurite takes minutes to be filled with that many; everything else is real.
    """

    protocol_version = "HTTP/1.1"
    position: bytes | None = None

    def do_GET(self) -> None:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        if query.get("comp") != ["list"]:
            self._answer(200 if self.position else 404, self.position or b"")
            return
        start = int(query.get("marker", ["0"])[0])
        end = min(start + int(query["maxresults"][0]), BLOBS)
        date = formatdate(_UPLOADED, usegmt=True)
        blobs = "".join(_BLOB.format(name=_name(n), date=date, sha="0" * 64) for n in range(start, end))
        marker = str(end) if end < BLOBS else ""
        text = f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        self._answer(200, text.encode(), "application/xml")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if "restype=container" not in self.path:
            type(self).position = body
        self._answer(201, b"")

    def _answer(self, code: int, body: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(code)
        length = str(len(body))
        for name, value in (("Content-Length", length), ("Content-Type", kind), ("ETag", '"0x1"'),
                            ("Last-Modified", formatdate(usegmt=True)), ("x-ms-blob-type", "BlockBlob"),
                            ("Content-Range", f"bytes 0-{max(0, len(body) - 1)}/{length}")):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Nothing: 200 lines that nobody reads."""


class NoOrchestrations:
    """A Durable client that knows no run, and takes down which ones are started."""

    def __init__(self) -> None:
        self.started: list[str] = []

    async def get_status(self, run_id: str, **_: object) -> None:
        return None

    async def start_new(self, name: str, run_id: str, told: Any) -> str:
        self.started.append(run_id)
        return run_id


@contextmanager
def served() -> Iterator[str]:
    """A connection string of the account above."""
    Listing.position = None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"AccountName=acct;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:{server.server_port}/acct"
    finally:
        server.shutdown()


def test_sweep_of_a_hundred_thousand_blobs(tmp_path: Path, report: Report) -> None:
    """Tick by tick, each from where the last one stopped: the ten that nobody saw are started, once each."""
    database = tmp_path / "results.db"
    engine = open_engine(f"sqlite:///{database}")
    runner.up(engine, read_folder(folder_for(engine.dialect)))
    unseen = set(range(7, BLOBS, BLOBS // 10))
    _fill(database, unseen)
    client = NoOrchestrations()
    with served() as storage, PeakMemory() as memory:
        settings = Settings(StorageSettings(storage), f"sqlite:///{database}")
        blobs = ImageBlobs(connect(settings.storage), "img", "quarantine", 1 << 20)
        store = open_result_store(settings)
        use = Resources(settings, blobs, lambda: store)
        started = time.monotonic()
        ticks = asyncio.run(_sweep_to_the_end(client, use))
        seconds = time.monotonic() - started
    expected = {run_id_of("img", _name(number), "0x1") for number in unseen}
    report.zeros(report.figures(
        lost=len(expected - set(client.started)), duplicate=len(client.started) - len(set(client.started)),
        wrong=len(set(client.started) - expected), images=BLOBS,
        notes={"ticks": ticks, "sweep_seconds": round(seconds, 1), "rss_growth_mb": memory.megabytes},
    ))  # fmt: skip
    assert memory.megabytes <= 100


async def _sweep_to_the_end(client: NoOrchestrations, use: Resources) -> int:
    ticks = looked_at = 0
    while looked_at < BLOBS:
        told = await timed_sweep(client, use, Budget())
        ticks, looked_at = ticks + 1, looked_at + told.looked_at
    assert told.next_cursor is None
    return ticks


def _fill(database: Path, without: set[int]) -> None:
    rows = ((run_id_of("img", _name(number), "0x1"), _name(number), f"{number:064x}") for number in range(BLOBS)
            if number not in without)  # fmt: skip
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executemany(
            "INSERT INTO runs (run_id, container, blob_name, blob_key, etag, size_bytes, finished_at, outcome, attempt,"
            " committed_at) VALUES (?, 'img', ?, ?, '0x1', 900, '2026', 'scored', 1, '2026')",
            rows,
        )


def _name(number: int) -> str:
    return f"cam/2026/{number:07d}.png"


def test_audit_of_a_million_images(report: Report) -> None:
    """Manifest, blobs and rows of a million images are reconciled as a stream; what is amiss is named."""
    old = datetime.now(UTC) - timedelta(days=1)
    missing, wrong, twice = 123_456, 234_567, 345_678
    rows = (
        (f"{n:032x}", _name(n), f"{n}.png", f"{n:064x}", "scored", n + (n == wrong))
        for n in range(IMAGES)
        if n != missing
    )
    with PeakMemory() as memory:
        started = time.monotonic()
        with open_reconciler() as reconciler:
            reconciler.add_manifest(ManifestLine(f"{n}.png", f"{n:064x}", n, "scored") for n in range(IMAGES))
            reconciler.add_blobs((_name(n), f"{n}.png", f"{n:064x}", old.timestamp()) for n in range(IMAGES))
            reconciler.add_rows(rows)
            reconciler.add_rows([("f" * 32, _name(twice), f"{twice}.png", f"{twice:064x}", "scored", twice)])
            balance = reconciler.reconcile()
        seconds = time.monotonic() - started
    assert [(item.kind, item.name) for item in balance.discrepancies] == [
        ("extra_row", _name(twice)), ("wrong_sum", f"{wrong}.png"), ("missing_row", _name(missing)),
    ]  # fmt: skip
    report.zeros(
        report.figures(
            wrong=int((balance.made, balance.uploaded, balance.scored) != (IMAGES, IMAGES, IMAGES)),
            images=IMAGES,
            notes={"audit_seconds": round(seconds, 1), "rss_growth_mb": memory.megabytes},
        )
    )
    assert memory.megabytes <= 100
