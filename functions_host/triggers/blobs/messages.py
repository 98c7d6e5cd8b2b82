"""The blob trigger's records: a listed blob, a queued one, one found by a HEAD; and the poison message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ListedBlob:
    """One line of a container listing; `last_modified` in seconds since 1970."""

    name: str
    etag: str
    last_modified: float


@dataclass(frozen=True)
class QueuedBlob:
    """A row of the internal queue; `etag` empty when an event, not a scan, put it there."""

    row_id: int
    function: str
    container: str
    name: str
    etag: str
    dequeue_count: int

    @property
    def path(self) -> str:
        """`container/name`, as the `BlobTrigger` metadata has it."""
        return f"{self.container}/{self.name}"


@dataclass(frozen=True)
class PresentBlob:
    """The answer to a HEAD of a blob; `etag` in quotes, `properties` as the host has them (contract C4)."""

    etag: str
    uri: str
    properties: Mapping[str, Any]
    metadata: Mapping[str, str]


def poison_message(blob: QueuedBlob, etag: str) -> str:
    """Text of the message in `webjobs-blobtrigger-poison`, before base64 (contract C1); `etag` in quotes."""
    return json.dumps(
        {
            "Type": "BlobTrigger",
            "FunctionId": f"Host.Functions.{blob.function}",
            "BlobType": "BlockBlob",
            "ContainerName": blob.container,
            "BlobName": blob.name,
            "ETag": etag,
        },
        indent=2,
        ensure_ascii=False,
    )
