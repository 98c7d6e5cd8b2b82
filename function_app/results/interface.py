"""What the pipeline and its API ask of a result store, whichever database is behind it."""

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
    """The permanent books. Safe to share between threads.

    ``reads_at_once`` says that ``run`` is quick enough for an event loop; all else belongs into a thread.
    Every method may raise Transient (the database is away, locked or not migrated: try again) or
    Permanent (this request can never succeed).
    """

    @property
    def reads_at_once(self) -> bool:
        """Whether reading one run takes microseconds, less than the way to a thread and back."""

    def record_scored(self, run: RunRecord, scores: Sequence[Score]) -> Recorded:
        """Write a scored run and its scores, in one transaction; a repeated delivery changes nothing.

        Scores by further scorers join a run that is already there. Raises ConflictingResult, leaving
        everything as it was, when the same attempt or the same (run, scorer, version) says otherwise.
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

        Rows that arrive while someone turns pages shift nothing. Raises BadCursor for a text that no
        earlier page gave.
        """

    def counts(self, which: RunFilter = EVERYTHING) -> Counts:
        """How many runs of the filter ended each way."""

    def stats(self, window: RunFilter = EVERYTHING) -> Stats:
        """The filter's runs as figures. Counts are exact; latency and scores come from a newest part.

        Raises Permanent when the filter names a scorer, a reason or an outcome: figures compare those.
        """

    def known_run_ids(self, run_ids: Collection[str]) -> set[str]:
        """Which of these runs have ended and are stored."""

    def in_order(self, after: EndedRun | None, limit: int) -> list[EndedRun]:
        """Up to ``limit`` runs after that one, oldest committed first; from the very first without one."""

    def ping(self) -> StoreHealth:
        """Ask the database for the highest migration applied (0: none)."""

    def close(self) -> None:
        """Close idle connections; the store may be used again."""
