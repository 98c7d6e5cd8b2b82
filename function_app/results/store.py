"""The result store over any database that brings the statements: the same behaviour on both."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from function_app.errors import Permanent
from function_app.models.runs import (
    Counts,
    EndedRun,
    Outcome,
    Page,
    Recorded,
    RunFilter,
    RunRecord,
    Score,
    StoredRun,
    StoreHealth,
)
from function_app.results import aggregates, reading, writing
from function_app.results.database import Database
from function_app.results.interface import EVERYTHING
from function_app.results.statistics import Stats


def _utc_now() -> datetime:
    return datetime.now(UTC)


class SqlResultStore:
    """Implements ``interface.ResultStore``, where the promises are written down."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = _utc_now) -> None:
        self._database = database
        self._clock = clock

    @property
    def reads_at_once(self) -> bool:
        """See ResultStore."""
        return self._database.reads_at_once

    def record_scored(self, run: RunRecord, scores: Sequence[Score]) -> Recorded:
        """See ResultStore."""
        return self._record(Outcome.SCORED, run, scores)

    def record_rejected(self, run: RunRecord) -> Recorded:
        """See ResultStore."""
        return self._record(Outcome.REJECTED, run, ())

    def record_failed(self, run: RunRecord) -> Recorded:
        """See ResultStore."""
        return self._record(Outcome.FAILED, run, ())

    def run(self, run_id: str) -> StoredRun | None:
        """See ResultStore."""
        return reading.run(self._database, run_id)

    def runs_of_image(self, container: str, blob_name: str) -> list[StoredRun]:
        """See ResultStore."""
        return reading.runs_of_image(self._database, container, blob_name)

    def page(self, which: RunFilter, cursor: str | None = None, limit: int = 100) -> Page:
        """See ResultStore."""
        return reading.page(self._database, which, cursor, limit)

    def counts(self, which: RunFilter = EVERYTHING) -> Counts:
        """See ResultStore."""
        return aggregates.counts(self._database, which)

    def stats(self, window: RunFilter = EVERYTHING) -> Stats:
        """See ResultStore."""
        return aggregates.stats(self._database, window, self._clock())

    def known_run_ids(self, run_ids: Collection[str]) -> set[str]:
        """See ResultStore."""
        return reading.known_run_ids(self._database, run_ids)

    def in_order(self, after: EndedRun | None, limit: int) -> list[EndedRun]:
        """See ResultStore."""
        return reading.in_order(self._database, after, limit)

    def ping(self) -> StoreHealth:
        """See ResultStore."""
        statements = self._database.statements
        with self._database.reading() as cursor:
            cursor.execute(statements.has_history)
            version = 0
            if cursor.fetchone() is not None:
                cursor.execute(statements.schema_version)
                version = cursor.fetchone()[0] or 0
        return StoreHealth(self._database.name, version)

    def close(self) -> None:
        """See ResultStore."""
        self._database.close()

    def _record(self, outcome: Outcome, run: RunRecord, scores: Sequence[Score]) -> Recorded:
        if run.outcome is not outcome:
            raise Permanent(f"a {run.outcome} run was handed over as {outcome}", reason="wrong_outcome")
        return writing.record(self._database, run, scores, self._clock)
