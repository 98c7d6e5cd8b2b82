"""The data that crosses boundaries: frozen, comparable, and the same on every side.

Times are aware UTC datetimes; sizes are bytes. ``codec.py`` carries all of these to and from JSON,
tolerating unknown fields, so that runs in flight survive an upgrade.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    """How a run ended."""

    SCORED = "scored"
    REJECTED = "rejected"
    FAILED = "failed"


class Recorded(StrEnum):
    """What the store did with a result; in every case a result of the run is now stored."""

    INSERTED = "inserted"
    ALREADY_RECORDED = "already_recorded"  # the same result was there: a repeated delivery
    REPLACED = "replaced"  # a higher attempt; the earlier outcome is kept as an EarlierAttempt
    SUPERSEDED = "superseded"  # a higher attempt is stored already; nothing was written


@dataclass(frozen=True)
class ImageVersion:
    """One version of one blob: what a run belongs to. ``etag`` is without quotes."""

    container: str
    blob_name: str
    etag: str
    size_bytes: int


@dataclass(frozen=True)
class SourceMetadata:
    """Where an image came from, according to its blob's metadata; null where the uploader sent none.

    ``captured_at`` is when the file was complete on the device, ``uploaded_at`` the blob's last change.
    ``source_name`` is percent-encoded, as in the metadata.
    """

    device_id: str | None = None
    source_name: str | None = None
    captured_at: datetime | None = None
    uploaded_at: datetime | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class RunRequest:
    """The input of one orchestration. ``attempt`` is 1 and grows by one with each replay.

    ``traceparent`` is the W3C trace that the uploader began, for telemetry.
    """

    run_id: str
    image: ImageVersion
    source: SourceMetadata = field(default_factory=SourceMetadata, metadata={"json_key": "lineage"})
    attempt: int = 1
    traceparent: str | None = field(default=None, metadata={"absent_when_none": True})


@dataclass(frozen=True)
class Score:
    """One number for one image by one version of one scorer."""

    scorer: str
    scorer_version: str
    value: int
    scored_at: datetime


@dataclass(frozen=True)
class RunRecord:
    """How one run ended: one row of ``runs``. ``reason`` and ``detail`` are null only when scored.

    Two records are the same result when run id, attempt, outcome, reason and image version agree;
    times may differ between two deliveries of it.
    """

    run_id: str
    container: str
    blob_name: str
    etag: str
    size_bytes: int
    outcome: Outcome
    attempt: int
    finished_at: datetime
    started_at: datetime | None = None
    reason: str | None = None
    detail: str | None = None
    device_id: str | None = None
    source_name: str | None = None
    captured_at: datetime | None = None
    uploaded_at: datetime | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class EarlierAttempt:
    """The outcome that a replay replaced: one row of ``attempts``."""

    attempt: int
    outcome: Outcome
    finished_at: datetime
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True)
class StoredRun:
    """A run as the store holds it. ``recent_id`` grows with every row and orders lists."""

    record: RunRecord
    committed_at: datetime
    recent_id: int
    scores: tuple[Score, ...] = ()
    earlier_attempts: tuple[EarlierAttempt, ...] = ()


@dataclass(frozen=True)
class EndedRun:
    """A stored run's place in the order of the rows: by ``committed_at``, then ``recent_id``."""

    run_id: str
    committed_at: datetime
    recent_id: int


@dataclass(frozen=True)
class RunFilter:
    """Which stored runs to list or count; a null field does not restrict.

    ``since`` (inclusive) and ``until`` (exclusive) bound ``committed_at``;
    ``scorer`` keeps runs that have a score of that name.
    """

    outcome: Outcome | None = None
    reason: str | None = None
    device_id: str | None = None
    scorer: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Page:
    """Some runs, newest first; ``next_cursor`` is an opaque text, null on the last page."""

    runs: tuple[StoredRun, ...]
    next_cursor: str | None = None


@dataclass(frozen=True)
class Counts:
    """How many stored runs ended each way."""

    scored: int = 0
    rejected: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        """All runs that ended."""
        return self.scored + self.rejected + self.failed


@dataclass(frozen=True)
class StoreHealth:
    """The store's dialect and the highest migration applied (0: none)."""

    dialect: str
    schema_version: int


@dataclass(frozen=True)
class Rejection:
    """Why a step will never succeed for this image: a stable code and one sentence for a person."""

    reason: str
    detail: str


@dataclass(frozen=True)
class StepResult:
    """What an activity returns: a rejection, or its findings. A transient failure is raised instead."""

    rejection: Rejection | None = None
    sha256: str | None = None  # of the bytes that were read
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True)
class RunResult:
    """How a run ended: what the store keeps, and the orchestration's output."""

    record: RunRecord
    scores: tuple[Score, ...] = ()
    traceparent: str | None = field(default=None, metadata={"absent_when_none": True})


@dataclass(frozen=True)
class FailedTry:
    """One try of one step that failed transiently. ``number`` counts the tries of that step from 1."""

    step: str
    number: int
    at: datetime
    error: str


@dataclass(frozen=True)
class Progress:
    """How far a live run has come: the orchestration's custom status.

    ``failures`` holds the newest failed tries only; ``failure_count`` counts them all.
    ``next_try_at`` is set while the run waits to retry its step.
    """

    step: str
    failures: tuple[FailedTry, ...] = ()
    failure_count: int = 0
    next_try_at: datetime | None = None
