"""What the API shows of a run: one flat shape, whether the run is stored, live, or both. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote

from function_app.models.runs import (
    EarlierAttempt,
    FailedTry,
    ImageVersion,
    Lineage,
    Outcome,
    RunRecord,
    Score,
    StoredRun,
)
from function_app.workflow.live_runs.instances import LiveRun, State
from function_app.workflow.retries import SHORTEST_DELAY


@dataclass(frozen=True)
class RunView:
    """One run. While it is live, ``step`` and ``attempts`` tell where it is and what failed so far.

    ``attempt`` counts replays from 1; ``attempts`` are the failed tries of steps (newest ten);
    ``earlier`` are the outcomes that replays replaced. ``cause`` and ``next_attempt_at`` are set while retrying.
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
    earlier: tuple[EarlierAttempt, ...] = ()
    step: str | None = None
    attempts: tuple[FailedTry, ...] = ()
    failed_attempts: int = 0
    cause: str | None = None
    next_attempt_at: datetime | None = None
    links: dict[str, str] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether this state is final (a replay aside)."""
        return self.state in (State.SCORED, State.REJECTED, State.FAILED)


@dataclass(frozen=True)
class RunsPage:
    """Some runs, newest first."""

    runs: tuple[RunView, ...]
    next_cursor: str | None = None


@dataclass(frozen=True)
class ImageView:
    """All runs of one blob name, newest first; the present version's run leads if it has not ended."""

    container: str
    blob_name: str
    runs: tuple[RunView, ...]


def tells_all(stored: StoredRun) -> bool:
    """Whether Durable has nothing to add to a row: scored runs are not replayed, and a run that ended
    before its first retry could come had no failed try to tell of.
    """
    record = stored.record
    return (
        record.outcome is Outcome.SCORED
        and record.started_at is not None
        and record.finished_at - record.started_at < SHORTEST_DELAY
    )


def view_of(stored: StoredRun | None, live: LiveRun | None) -> RunView | None:
    """The run as it stands, out of what the store and Durable say; None if neither knows it.

    A stored outcome rules unless Durable is at work on a higher attempt: a replay.
    """
    if live is not None and live.is_active:
        attempt = live.request.attempt if live.request else 1
        if stored is None or attempt > stored.record.attempt:
            return _live_view(live, stored)
    if stored is not None:
        return _stored_view(stored, live)
    return _live_view(live, None) if live is not None else None


def waiting_view(run_id: str, image: ImageVersion, lineage: Lineage) -> RunView:
    """A blob version that is there and that no run has begun on yet."""
    return RunView(
        run_id=run_id,
        state=State.WAITING,
        container=image.container,
        blob_name=image.blob_name,
        etag=image.etag,
        size_bytes=image.size_bytes,
        links=_links(run_id, image.blob_name),
        **vars(lineage),
    )


def retry_after_seconds(view: RunView, now: datetime) -> int:
    """When it is worth asking again about a run that has not ended: 1 to 60 s."""
    if view.next_attempt_at is None:
        return 1
    return int(min(60, max(1, (view.next_attempt_at - now) / timedelta(seconds=1))))


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
        earlier=stored.earlier if stored else (),
        attempts=progress.failures if progress else (),
        failed_attempts=progress.failure_count if progress else 0,
        links=_links(record.run_id, record.blob_name),
        **vars(record),
    )


def _live_view(live: LiveRun, stored: StoredRun | None) -> RunView:
    if live.ending is not None:
        return _ended_view(live.ending.record, live.ending.scores, live, None)
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
        earlier=_earlier_of(stored),
        step=progress.step if progress else None,
        attempts=progress.failures if progress else (),
        failed_attempts=progress.failure_count if progress else 0,
        cause=progress.failures[-1].error if progress and progress.failures and retrying else None,
        next_attempt_at=progress.next_try_at if progress else None,
        links=_links(live.run_id, image.blob_name if image else None),
        **vars(request.lineage if request else Lineage()),
    )


def _earlier_of(stored: StoredRun | None) -> tuple[EarlierAttempt, ...]:
    """During a replay the stored outcome is already history."""
    if stored is None:
        return ()
    r = stored.record
    return (*stored.earlier, EarlierAttempt(r.attempt, r.outcome, r.finished_at, r.reason, r.detail))


def _links(run_id: str, blob_name: str | None) -> dict[str, str]:
    links = {"self": f"/api/runs/{run_id}"}
    if blob_name is not None:
        links["picture"] = f"/api/runs/{run_id}/image"
        links["image"] = f"/api/images/{quote(blob_name, safe='/')}"
    return links
