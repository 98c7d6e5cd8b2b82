"""The Durable extension's answers to a starter, as recorded, for Microsoft's own client to ask."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from functions_host.durable.sdk import engine_started, engine_stopped
from functions_host.testing.process import background_loop
from tests.contract.recordings.recorded import row

UNKNOWN = row("race", "status after purge on Completed")["answer"]
RUNNING = row("race", "status after purge on Running")["answer"]
REFUSED = row("race", "start on Running")["answer"]
ACCEPTED = row("race", "start on Completed")["answer"]


class DurableExtension:
    """Instances that run once they were accepted; `accepts` starts are, the others are refused with 409.

    Starters ask at the same moment: `at_once` of them are answered "unknown" before the first start is looked at.
    """

    def __init__(self, *, accepts: int = 1_000, at_once: int = 1) -> None:
        self.accepts = accepts
        self.started: list[tuple[str, Any]] = []  # instance id, input
        self.refused = 0
        self.runs = True  # False: a start fails and leaves nothing
        self._lock = threading.Lock()
        self._gate = threading.Barrier(at_once)
        self._first_look = at_once

    def status(self, instance_id: str) -> dict[str, Any]:
        with self._lock:
            first, self._first_look = self._first_look > 0, self._first_look - 1
            known = any(found == instance_id for found, _ in self.started)
        if first:
            self._gate.wait(10)
            return UNKNOWN
        return (
            {**RUNNING, "body": {**RUNNING["body"], **_INSTANCE, "instanceId": instance_id}}
            if known
            else UNKNOWN
        )

    def start(self, instance_id: str, told: Any) -> dict[str, Any]:
        with self._lock:
            if not self.runs:
                return {"status": 500, "body": {"Message": "something is wrong"}}
            if len(self.started) >= self.accepts:
                self.refused += 1
                return REFUSED
            self.started.append((instance_id, told))
            return {**ACCEPTED, "body": {**ACCEPTED["body"], "id": instance_id}}


_INSTANCE = {
    "name": "process_image",
    "createdTime": "2026-01-01T00:00:00Z",
    "lastUpdatedTime": "2026-01-01T00:00:00Z",
}


@contextmanager
def serving(extension: DurableExtension) -> Iterator[str]:
    """The text that a durable client parameter is made of, while the extension answers; ask on `background_loop()`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(extension.status(self._instance()))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(extension.start(self._instance(), json.loads(json.loads(body))))

        def _instance(self) -> str:
            return self.path.partition("?")[0].rpartition("/")[2]

        def _answer(self, answer: dict[str, Any]) -> None:
            body = json.dumps(answer["body"]).encode() if answer["body"] else b""
            self.send_response(answer["status"])
            if body:
                self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    engine_started(extension)
    try:
        url = f"http://127.0.0.1:{server.server_port}/durabletask/"
        urls = {"id": "INSTANCEID", "statusQueryGetUri": f"{url}instances/INSTANCEID"}
        yield json.dumps(
            {"taskHubName": "hub", "creationUrls": {}, "managementUrls": urls, "rpcBaseUrl": url}
        )
    finally:
        background_loop().run(engine_stopped(extension))  # the SDK's one session is of this loop
        server.shutdown()
        server.server_close()
