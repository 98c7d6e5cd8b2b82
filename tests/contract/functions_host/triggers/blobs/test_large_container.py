"""Contract C5b: containers of 100,000 blobs, scanned page by page.

Azurite takes minutes to be filled with that many, so a listing of the same format is served from here; everything on
the host's side is real.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from functions_host.loading.app_modules import AppModules
from functions_host.loading.indexing import index_app
from functions_host.triggers.blobs.connections import parse_connection_string
from functions_host.triggers.blobs.messages import ListedBlob
from functions_host.triggers.blobs.queue import BlobTriggerQueue
from functions_host.triggers.blobs.scanner import ContainerScanner
from functions_host.triggers.blobs.storage import BlobStorage
from functions_host.triggers.blobs.subscriptions import BlobSubscription, subscription_of

BLOBS, PAGE = 100_000, 5_000
APP = """
import azure.functions as func
app = func.FunctionApp()
@app.blob_trigger(arg_name="blob", path="img/{name}.png", connection="IMAGES")
def sees(blob: func.InputStream): pass
"""
BLOB = (
    "<Blob><Name>{name}</Name><Properties><Creation-Time>{date}</Creation-Time><Last-Modified>{date}</Last-Modified>"
    "<Etag>0x{etag:X}</Etag><Content-Length>900</Content-Length><Content-Type>image/png</Content-Type>"
    "<Content-MD5>aGVsbG8=</Content-MD5><BlobType>BlockBlob</BlobType><AccessTier>Hot</AccessTier>"
    "<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState></Properties></Blob>"
)


class Listing:
    """Serves the container and counts what it is asked."""

    def __init__(self) -> None:
        self.requests = 0
        self.newest = 0
        self._date = formatdate(1_767_225_600, usegmt=True)

    async def answer(self, request: web.Request) -> web.Response:
        self.requests += 1
        start = int(request.query.get("marker", "0"))
        end = min(start + PAGE, BLOBS)
        blobs = [
            BLOB.format(name=f"{n:06}.png", date=self._date, etag=self.newest if n == 500 else 0)
            for n in range(start, end)
        ]
        marker = str(end) if end < BLOBS else ""
        body = f"<Results><Blobs>{''.join(blobs)}</Blobs><NextMarker>{marker}</NextMarker></Results>"
        return web.Response(text=body, content_type="application/xml")


@pytest.fixture
async def listing() -> AsyncIterator[tuple[Listing, str]]:
    served = Listing()
    app = web.Application()
    app.router.add_get("/acct/img", served.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield served, f"AccountName=acct;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:{port}/acct"
    await runner.cleanup()


@pytest.fixture
def subscription(listing: Any, tmp_path: Path) -> BlobSubscription:
    (tmp_path / "function_app.py").write_text(APP)
    modules = AppModules(tmp_path, first=True)
    try:
        return subscription_of(index_app(tmp_path, {})[0], {"IMAGES": listing[1]})
    finally:
        modules.close()


class WatchedStorage(BlobStorage):
    """Notes how many pages are alive at once."""

    most_alive = 0

    async def pages(self, container: str, prefix: str) -> AsyncIterator[list[ListedBlob]]:
        first_blobs: list[weakref.ref[ListedBlob]] = []
        async for page in super().pages(container, prefix):
            first_blobs.append(weakref.ref(page[0]))
            self.most_alive = max(self.most_alive, sum(blob() is not None for blob in first_blobs))
            yield page


async def test_a_hundred_thousand_blobs_are_queued_once_without_being_held_at_once(
    listing: tuple[Listing, str], subscription: BlobSubscription, tmp_path: Path
) -> None:
    served, connection = listing
    queue = BlobTriggerQueue(tmp_path / "blobs.db")
    storage = WatchedStorage(parse_connection_string(connection, "IMAGES"))
    queued: list[None] = []
    scanner = ContainerScanner("img", [subscription], storage, queue, lambda: queued.append(None), 1.0)
    await scanner.scan()
    assert (served.requests, len(queued)) == (BLOBS // PAGE, BLOBS // PAGE)
    assert len(queue.waiting((), BLOBS + 1)) == BLOBS
    assert storage.most_alive <= 2

    served.newest = 1  # one blob is replaced
    await scanner.scan()
    assert len(queued) == BLOBS // PAGE + 1
    assert len(queue.waiting((), BLOBS + 2)) == BLOBS + 1
    await storage.close()
    queue.close()
