"""A container that is being deleted answers 409 for half a minute; Azurite knows no such state."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from azure.storage.blob import BlobServiceClient

from function_app.errors import StorageUnavailable
from function_app.settings import StorageSettings
from function_app.storage.blobs import connect
from function_app.storage.journal_segments import JournalSegments

_ANSWERS = {"ContainerBeingDeleted": 409, "ContainerNotFound": 404}


@pytest.fixture(params=sorted(_ANSWERS))
def service(request: pytest.FixtureRequest) -> Iterator[BlobServiceClient]:
    """A storage account that answers every request with one error, but for making the container."""

    class Answers(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made = "restype=container" in self.path and request.param == "ContainerNotFound"
            self.send_response(201 if made else _ANSWERS[request.param])
            if not made:
                self.send_header("x-ms-error-code", request.param)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/a"
    with connect(StorageSettings(f"AccountName=a;AccountKey=YQ==;BlobEndpoint={address}")) as service:
        yield service
    server.shutdown()
    server.server_close()


def test_a_segment_that_cannot_be_made_for_now_is_tried_again_later(service: BlobServiceClient) -> None:
    with pytest.raises(StorageUnavailable, match="container 'c'"):
        JournalSegments(service, "c").begin("live/a")
