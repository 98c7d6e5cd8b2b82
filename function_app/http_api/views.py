"""The API's view of a run: one flat shape, whether the run is stored, live, or both. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

from function_app.models.runs import (
    EarlierAttempt,
    FailedTry,
    ImageVersion,
    Outcome,
    RunRecord,
    Score,
    SourceMetadata,
    StoredRun,
)
from function_app.workflow.live_runs.durable_status import LiveRun, State
from function_app.workflow.retries import SHORTEST_DELAY


@dataclass(frozen=True)
class RunView:
    """One run. An attempt is one execution of it: ``attempt`` is 1 and grows by one with each replay, and
    ``earlier_attempts`` are those whose outcome a replay replaced.

    Within an attempt a step may take several tries: ``failed_tries`` are the newest ten that failed,
    ``failed_try_count`` is the number of all. ``step`` is set while the run is live, ``cause`` and ``next_try_at``
    while it waits to retry.
    """

    run_id: str
    state: State
    container: str | None = None
    blob_name: str | None = None
    etag: str | None = None
    device_id: str | None = None
    source_name: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None
    captured_at: datetime | None = None
    uploaded_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    committed_at: datetime | None = None
    outcome: str | None = None
    reason: str | None = None
    detail: str | None = None
    attempt: int = 1
    scores: tuple[Score, ...] = ()
    earlier_attempts: tuple[EarlierAttempt, ...] = ()
    step: str | None = None
    failed_tries: tuple[FailedTry, ...] = ()
    failed_try_count: int = 0
    cause: str | None = None
    next_try_at: datetime | None = None
    links: dict[str, str] = field(default_factory=dict)
    # Fields of an earlier release, with the content of their replacements; the next release drops them.
    earlier: tuple[EarlierAttempt, ...] = field(init=False, metadata={"deprecated_for": "earlier_attempts"})
    attempts: tuple[FailedTry, ...] = field(init=False, metadata={"deprecated_for": "failed_tries"})
    failed_attempts: int = field(init=False, metadata={"deprecated_for": "failed_try_count"})
    next_attempt_at: datetime | None = field(init=False, metadata={"deprecated_for": "next_try_at"})

    def __post_init__(self) -> None:
        vars(self).update(
            earlier=self.earlier_attempts,
            attempts=self.failed_tries,
            failed_attempts=self.failed_try_count,
            next_attempt_at=self.next_try_at,
        )

    @property
    def has_ended(self) -> bool:
        """Whether this state is final, unless the run is replayed."""
        return self.state in (State.SCORED, State.REJECTED, State.FAILED)


@dataclass(frozen=True)
class RunsPage:
    """A page of runs, newest first. ``next_cursor`` is the cursor of the next page, null on the last."""

    runs: tuple[RunView, ...]
    next_cursor: str | None = None


@dataclass(frozen=True)
class ImageView:
    """All runs of one blob name, newest first. The run of the blob's current version comes first."""

    container: str
    blob_name: str
    runs: tuple[RunView, ...]


def row_is_complete(stored: StoredRun) -> bool:
    """Whether Durable has nothing to add to a row: scored runs are not replayed, and a run that ended
    before a first retry was possible had no failed try.
    """
    record = stored.record
    return (
        record.outcome is Outcome.SCORED
        and record.started_at is not None
        and record.finished_at - record.started_at < SHORTEST_DELAY
    )


def view_of(stored: StoredRun | None, live: LiveRun | None) -> RunView | None:
    """The run's current state, out of the store's row and Durable's status; None if neither knows the run.

    A stored outcome takes precedence unless Durable is executing a higher attempt: a replay.
    """
    if live is not None and live.is_active:
        attempt = live.request.attempt if live.request else 1
        if stored is None or attempt > stored.record.attempt:
            return _live_view(live, stored)
    if stored is not None:
        return _stored_view(stored, live)
    return _live_view(live, None) if live is not None else None


def waiting_view(run_id: str, image: ImageVersion, source: SourceMetadata) -> RunView:
    """A blob version whose run has not been started yet."""
    return RunView(
        run_id=run_id,
        state=State.WAITING,
        container=image.container,
        blob_name=image.blob_name,
        etag=image.etag,
        size_bytes=image.size_bytes,
        links=_links(run_id, image.blob_name),
        **vars(source),
    )


def retry_after_seconds(view: RunView, now: datetime) -> int:
    """When to poll a run that has not ended again: in 1 to 60 s."""
    if view.next_try_at is None:
        return 1
    return int(min(60, max(1, (view.next_try_at - now) / timedelta(seconds=1))))


def _stored_view(stored: StoredRun, live: LiveRun | None) -> RunView:
    return _ended_view(stored.record, stored.scores, live, stored)


def _ended_view(
    record: RunRecord, scores: tuple[Score, ...], live: LiveRun | None, stored: StoredRun | None
) -> RunView:
    progress = live.progress if live else None
    return RunView(
        state=State(record.outcome),
        committed_at=stored.committed_at if stored else None,
        scores=scores,
        earlier_attempts=stored.earlier_attempts if stored else (),
        failed_tries=progress.failures if progress else (),
        failed_try_count=progress.failure_count if progress else 0,
        links=_links(record.run_id, record.blob_name),
        **vars(record),
    )


def _live_view(live: LiveRun, stored: StoredRun | None) -> RunView:
    if live.result is not None:
        return _ended_view(live.result.record, live.result.scores, live, None)
    request, progress = live.request, live.progress
    image = request.image if request else None
    retrying = live.state is State.RETRYING
    broken = live.state is State.FAILED
    return RunView(
        run_id=live.run_id,
        state=live.state,
        container=image.container if image else None,
        blob_name=image.blob_name if image else None,
        etag=image.etag if image else None,
        size_bytes=image.size_bytes if image else None,
        started_at=live.created_at,
        finished_at=live.updated_at if broken else None,
        outcome="failed" if broken else None,
        reason=f"orchestration_{live.status.lower()}" if broken else None,
        detail=live.failure if broken else None,
        attempt=request.attempt if request else 1,
        earlier_attempts=_attempts_before(stored),
        step=progress.step if progress else None,
        failed_tries=progress.failures if progress else (),
        failed_try_count=progress.failure_count if progress else 0,
        cause=progress.failures[-1].error if progress and progress.failures and retrying else None,
        next_try_at=progress.next_try_at if progress else None,
        links=_links(live.run_id, image.blob_name if image else None),
        **vars(request.source if request else SourceMetadata()),
    )


def _attempts_before(stored: StoredRun | None) -> tuple[EarlierAttempt, ...]:
    """The attempts before a replay under way: the stored outcome is the last of them."""
    if stored is None:
        return ()
    r = stored.record
    return (*stored.earlier_attempts, EarlierAttempt(r.attempt, r.outcome, r.finished_at, r.reason, r.detail))


def _links(run_id: str, blob_name: str | None) -> dict[str, str]:
    links = {"self": f"/api/runs/{run_id}"}
    if blob_name is not None:
        links["picture"] = f"/api/runs/{run_id}/image"
        links["image"] = f"/api/images/{quote(blob_name, safe='/')}"
    return links
