"""The interface of the result store, whichever database is behind it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from function_app.models.runs import (
    Counts,
    EndedRun,
    Page,
    Recorded,
    RunFilter,
    RunRecord,
    Score,
    StoredRun,
    StoreHealth,
)
from function_app.results.statistics import Stats

EVERYTHING = RunFilter()


class ResultStore(Protocol):
    """The permanent record of all runs that ended. Safe to share between threads.

    ``reads_at_once`` says that ``run`` is quick enough for an event loop; call all else in a thread.
    Every method may raise Transient (the database is unavailable, locked or not migrated: try again) or
    Permanent (this request can never succeed).
    """

    @property
    def reads_at_once(self) -> bool:
        """Whether reading one run takes microseconds, less than handing the call to a thread."""

    def record_scored(self, run: RunRecord, scores: Sequence[Score]) -> Recorded:
        """Write a scored run and its scores in one transaction; a repeated delivery changes nothing.

        Scores by further scorers are added to a run that is stored already. Raises ConflictingResult, and
        changes nothing, if the same attempt or the same (run, scorer, version) is stored with another result.
        """

    def record_rejected(self, run: RunRecord) -> Recorded:
        """Write a rejected run, on the same terms."""

    def record_failed(self, run: RunRecord) -> Recorded:
        """Write a failed run, on the same terms."""

    def run(self, run_id: str) -> StoredRun | None:
        """One run with its scores and earlier attempts; None if it is unknown."""

    def runs_of_image(self, container: str, blob_name: str) -> list[StoredRun]:
        """All runs of all versions of a blob with their scores, newest first."""

    def page(self, which: RunFilter, cursor: str | None = None, limit: int = 100) -> Page:
        """Up to ``limit`` (1 to 1,000) runs with their scores, newest committed first.

        New rows do not shift the pages that follow. Raises BadCursor if the text is not the cursor of
        an earlier page.
        """

    def counts(self, which: RunFilter = EVERYTHING) -> Counts:
        """How many runs of the filter ended each way."""

    def stats(self, window: RunFilter = EVERYTHING) -> Stats:
        """Aggregates of the filter's runs. Counts are exact; latency and scores come from the newest runs.

        Raises Permanent if the filter names a scorer, a reason or an outcome: the aggregates compare those.
        """

    def known_run_ids(self, run_ids: Collection[str]) -> set[str]:
        """Which of these runs have ended and are stored."""

    def in_order(self, after: EndedRun | None, limit: int) -> list[EndedRun]:
        """Up to ``limit`` runs after that one, or from the very first, oldest committed first."""

    def ping(self) -> StoreHealth:
        """Ask the database for the highest migration applied (0: none)."""

    def close(self) -> None:
        """Close idle connections; the store may be used again."""
