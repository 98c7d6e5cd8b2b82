"""Plays recorded rows to the embedded host and tells what it answered, in the recordings' own words."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from azure.functions.meta import Datum
from azure.storage.blob import BlobServiceClient, ContentSettings
from azure.storage.queue import QueueClient

from functions_host.invoking import invocation
from functions_host.loading.deferred import DeferredValues
from functions_host.loading.signatures import GenericBinding
from functions_host.testing import RunningApp
from tests.conftest import Azurite
from tests.contract.recordings.recorded import SENT, Row

API_VERSION = "2025-11-05"  # known to Azurite 3.37; the SDK asks for a newer one
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?(?<!2026-01-02T03:04:05Z)")
_ETAG = re.compile(r"0x[0-9A-F]{14,16}")


class Played:
    """A running app, the storage beside it, and what its functions were sent and noted since the last look."""

    def __init__(self, app: RunningApp, azurite: Azurite, sent: list[Any]) -> None:
        self.app = app
        self.differing: set[str] = set()
        self.seen: set[str] = set()
        self._azurite = azurite
        self._sent = sent
        self._noted = 0
        self.service = BlobServiceClient.from_connection_string(
            azurite.connection_string, api_version=API_VERSION
        )

    def put(
        self, container: str, name: str, data: bytes, kind: str = "application/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        blob = self.service.get_blob_client(container, name)
        settings = ContentSettings(content_type=kind)
        blob.upload_blob(data, overwrite=True, content_settings=settings, metadata=dict(metadata or {}))

    def notes(self) -> list[Any]:
        """All notes so far."""
        found: list[Any] = self.app.get("/api/notes").json()
        return found

    def new_notes(self, at_least: int) -> list[Any]:
        """The notes since the last call, once there are so many and nothing is under way."""
        self.app.wait_until(lambda: len(self.notes()) >= self._noted + at_least)
        self.app.wait_until_idle()
        found = self.notes()[self._noted :]
        self._noted += len(found)
        return found

    def skip(self, count: int) -> None:
        """So many notes were looked at already."""
        self._noted += count

    def sent_since(self) -> list[Any]:
        found, self._sent[:] = list(self._sent), []
        return found

    def poison(self) -> list[str]:
        """The texts of the poison queue's messages."""
        with QueueClient.from_connection_string(
            self._azurite.connection_string, "webjobs-blobtrigger-poison", api_version=API_VERSION
        ) as queue:
            return [base64.b64decode(message.content).decode() for message in queue.peek_messages(32)]

    def compare(self, label: str, recorded: Any, ours: Any) -> None:
        """Note that the row was played, and whether it differs."""
        self.seen.add(label)
        if not self.alike(recorded, ours):
            self.differing.add(label)

    def compare_notes(self, row: Row, sent: Row | None, *, count: int | None = None) -> None:
        """The row's notes, and what the host sent for them."""
        recorded = row["value"]
        self.compare(row["label"], recorded, self.new_notes(len(recorded) if count is None else count))
        found = self.sent_since()
        if sent is not None:
            self.compare(sent["label"], sent["value"], found)

    def alike(self, recorded: Any, ours: Any) -> bool:
        """Equal, placeholders and shortened properties allowed for."""
        if isinstance(recorded, dict) and set(recorded) == {"shortened"}:
            told = json.loads(ours["value"]) if "value" in ours else ours
            return bool({name: told.get(name) for name in recorded["shortened"]} == recorded["shortened"])
        if isinstance(recorded, dict) and isinstance(ours, dict):
            return set(recorded) == set(ours) and all(self.alike(recorded[k], ours[k]) for k in recorded)
        if isinstance(recorded, list) and isinstance(ours, list):
            return len(recorded) == len(ours) and all(map(self.alike, recorded, ours))
        if isinstance(recorded, str) and isinstance(ours, str):
            return recorded == self._plain(ours)
        return bool(recorded == ours)

    def _plain(self, text: str) -> str:
        text = text.replace(f":{self._azurite.blob_port}/", ":BLOBPORT/")
        return _ETAG.sub("0xETAG", _TIME.sub("TIME", text))

    def real(self, value: Any) -> Any:
        """A recorded request with the addresses of here."""
        text = json.dumps(value).replace(":BLOBPORT/", f":{self._azurite.blob_port}/")
        return json.loads(text)


@contextmanager
def spied(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What the host hands to blob functions, before any converter, as the recordings have it."""
    sent: list[Any] = []
    invoke = invocation.Invoker.invoke

    async def spying(self: Any, function: Any, inputs: Any, metadata: Any = None, **more: Any) -> Any:
        if function.kind == "blob":
            sent.extend(_described(function, inputs, metadata))
        return await invoke(self, function, inputs, metadata or {}, **more)

    monkeypatch.setattr(invocation.Invoker, "invoke", spying)
    # The worker that was recorded keeps what converters made; the runtime of Python 3.13 does not.
    monkeypatch.setattr(invocation, "DeferredValues", lambda: DeferredValues(keeps=True))
    yield sent


def _described(function: Any, inputs: Mapping[str, Datum], metadata: Mapping[str, Datum]) -> Iterator[Any]:
    for name, datum in inputs.items():
        generic = function.inputs[name].converter is GenericBinding
        yield {
            "binding": "generic" if generic else "blobTrigger",
            "data": _data(datum),
            "function": function.name,
            "parameter": name,
            "trigger_metadata": {}
            if generic
            else {key: {"type": told.type, "value": told.value} for key, told in sorted(metadata.items())},
        }


def _data(datum: Datum) -> dict[str, Any]:
    value = datum.value
    if datum.type == "bytes":
        return {"type": "bytes", "length": len(value), "head": value[:60].decode("latin-1")}
    return {
        "type": datum.type, "version": value.version, "source": value.source, "content_type": value.content_type,
        "content": value.content.decode(),
    }  # fmt: skip


def followers(rows: tuple[Row, ...]) -> Callable[[Row], Row | None]:
    """Finds the row that tells what the host sent for another row."""
    by_label = {row["label"]: row for row in rows}
    return lambda row: by_label.get(row["label"] + SENT)
