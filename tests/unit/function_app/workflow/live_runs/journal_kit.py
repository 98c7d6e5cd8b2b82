"""What the tests of the journal share: runs, a clock to move, segments in memory, and a Durable that counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from azure.durable_functions import OrchestrationRuntimeStatus

from function_app.errors import BlobMissing, StorageUnavailable, StoreUnavailable
from function_app.models.runs import ImageVersion, RunRequest, SourceMetadata
from function_app.storage.journal_segments import Reading, Segment

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def run_request(number: int, attempt: int = 1, device: str | None = "cam-1") -> RunRequest:
    return RunRequest(
        f"{number:032x}", ImageVersion("img", f"ü/{number}.png", "0x1", 5), SourceMetadata(device), attempt
    )


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Segments:
    """The container's ``live/`` as storage behaves, with a log of requests; the real one is in tests/integration."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.blobs, self.changed = clock, dict[str, bytes](), dict[str, datetime]()
        self.requests: list[str] = []
        self.away = False

    def _asked(self, what: str) -> None:
        self.requests.append(what)
        if self.away:
            raise StorageUnavailable("away")

    def begin(self, name: str) -> None:
        self._asked("create")
        self.blobs[name], self.changed[name] = b"", self.clock()

    def append(self, name: str, lines: bytes) -> None:
        self._asked("append")
        if name not in self.blobs:
            raise BlobMissing("gone")
        self.blobs[name] += lines
        self.changed[name] = self.clock()

    def read(self, read_up_to: Mapping[str, int]) -> Reading:
        self._asked("list")
        found = tuple(
            Segment(name, str(len(data)), len(data), self.changed[name]) for name, data in self.blobs.items()
        )
        added = {
            segment.name: self.blobs[segment.name][read_up_to.get(segment.name, 0) :]
            for segment in found
            if segment.size > read_up_to.get(segment.name, 0)
        }
        self.requests += ["read"] * len(added)
        return Reading(found, added)

    def delete(self, segment: Segment) -> None:
        self._asked("delete")
        if str(len(self.blobs.get(segment.name, b""))) == segment.etag:
            del self.blobs[segment.name]


class Store:
    """The store's one query that the list of live runs makes."""

    def __init__(self) -> None:
        self.rows: set[str] = set()
        self.asked = 0
        self.away = False

    def known_run_ids(self, run_ids: Any) -> set[str]:
        self.asked += len(run_ids)
        if self.away:
            raise StoreUnavailable("away")
        return self.rows & set(run_ids)


class Durable:
    """A Durable client that knows runs by id, and counts the questions."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.progress: dict[str, Any] = {}
        self.asked: list[str] = []
        self.away = False

    async def get_status(self, run_id: str, **_: object) -> Any:
        self.asked.append(run_id)
        if self.away:
            raise Exception("away")  # as the SDK does
        word = self.status.get(run_id)
        return word and SimpleNamespace(
            instance_id=run_id, runtime_status=OrchestrationRuntimeStatus[word], output=None, input_=None,
            created_time=NOW, last_updated_time=NOW, custom_status=self.progress.get(run_id),
        )  # fmt: skip
