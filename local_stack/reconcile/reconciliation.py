"""Reconciliation: what was made, what was taken, and what became of each image, compared by name.

``taken = scored + rejected + failed + waiting`` or something is amiss (a lost image
is one that the device finished and that is in none of these). The comparison is a join in a temporary
SQLite file, so a million images need no memory to speak of.

What is on its way is waiting for as long as it may be; after that it is a missing row or a stuck run.

An image is known by its source name and SHA-256 until it is a blob, and by its blob name from then on.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

# One discrepancy of a class is an accident, ten thousand are a list nobody reads.
_SHOWN_PER_CLASS = 100

_SCHEMA = """
CREATE TABLE manifest (name TEXT, sum INTEGER, sha256 TEXT, expected TEXT);
CREATE TABLE files (name TEXT, sha256 TEXT, place TEXT);
CREATE TABLE blobs (blob_name TEXT PRIMARY KEY, name TEXT, sha256 TEXT, uploaded_at REAL);
CREATE TABLE rows (run_id TEXT PRIMARY KEY, blob_name TEXT, name TEXT, sha256 TEXT, outcome TEXT, value INTEGER);
CREATE TABLE live (blob_name TEXT PRIMARY KEY, state TEXT, started_at REAL);
CREATE TABLE overdue (uploaded_before REAL, started_before REAL);
CREATE VIEW on_the_way AS
    SELECT b.blob_name, b.uploaded_at, l.state, l.started_at,
           coalesce(b.uploaded_at <= o.uploaded_before, 0) AS is_overdue,
           coalesce(l.started_at <= o.started_before, 0) AS is_stuck
    FROM blobs AS b CROSS JOIN overdue AS o LEFT JOIN live AS l ON l.blob_name = b.blob_name
    WHERE NOT EXISTS (SELECT 1 FROM rows AS r WHERE r.blob_name = b.blob_name);
"""

_INDEXES = """
CREATE INDEX IF NOT EXISTS manifest_image ON manifest (name, sha256);
CREATE INDEX IF NOT EXISTS files_image ON files (name, sha256);
CREATE INDEX IF NOT EXISTS blobs_image ON blobs (name, sha256);
CREATE INDEX IF NOT EXISTS rows_blob ON rows (blob_name);
CREATE INDEX IF NOT EXISTS rows_image ON rows (name, sha256);
"""

# The sweep comes every five minutes and leaves the youngest blobs to the trigger, so that the second tick has seen it.
# A blob that was being delivered when its host was killed comes again ten minutes later on Azure (recorded), after the
# new host's start, and if the sweep was hit by the same kill that is the first to come.
MISSING_AFTER = timedelta(minutes=15)
# A step is tried for about 15 minutes before it is given up, and a run has four of them at most; one that was under
# way when its host was killed comes again five minutes later on Azure (recorded).
STUCK_AFTER = timedelta(minutes=90)

# Each class of discrepancy, and the query that names its members: (name, what is wrong with it).
DISCREPANCIES: dict[str, str] = {
    "lost": """
        SELECT name, 'made by the device, and neither file, blob nor row of it exists' FROM manifest AS t
        WHERE NOT EXISTS (SELECT 1 FROM files AS f WHERE f.name = t.name)
          AND NOT EXISTS (SELECT 1 FROM blobs AS b WHERE b.name = t.name AND b.sha256 = t.sha256)
          AND NOT EXISTS (SELECT 1 FROM rows AS r WHERE r.name = t.name AND r.sha256 = t.sha256)
    """,
    "extra_row": """
        SELECT blob_name, count(*) || ' rows for one blob' FROM rows GROUP BY blob_name HAVING count(*) > 1
    """,
    "extra_blob": """
        SELECT b.name, count(*) || ' blobs for one image' FROM blobs AS b
        JOIN (SELECT name, sha256, count(*) AS made FROM manifest GROUP BY name, sha256) AS t
          ON t.name = b.name AND t.sha256 = b.sha256
        GROUP BY b.name, b.sha256 HAVING count(*) > max(t.made)
    """,
    "wrong_sum": """
        SELECT t.name, 'scored ' || r.value || ', must be ' || t.sum FROM manifest AS t
        JOIN rows AS r ON r.name = t.name AND r.sha256 = t.sha256
        WHERE r.outcome = 'scored' AND t.expected = 'scored' AND r.value IS NOT t.sum
    """,
    "wrong_outcome": """
        SELECT t.name, r.outcome || ', must be ' || t.expected FROM manifest AS t
        JOIN rows AS r ON r.name = t.name AND r.sha256 = t.sha256
        WHERE t.expected IS NOT NULL AND r.outcome <> t.expected AND r.outcome <> 'failed'
    """,
    "orphan_row": """
        SELECT r.blob_name, 'a row whose blob is gone' FROM rows AS r
        WHERE NOT EXISTS (SELECT 1 FROM blobs AS b WHERE b.blob_name = r.blob_name)
    """,
    "missing_row": """
        SELECT blob_name, 'uploaded at ' || datetime(uploaded_at, 'unixepoch') || ' UTC; no run and no row'
        FROM on_the_way WHERE state IS NULL AND is_overdue
    """,
    "stuck_run": """
        SELECT blob_name, 'its run is ' || state || ' since ' || datetime(started_at, 'unixepoch') || ' UTC'
        FROM on_the_way WHERE state IS NOT NULL AND is_stuck
    """,
}

# Not wrong, but not finished: what is still on its way, and where.
WAITING: dict[str, str] = {
    "unfinished_by_device": """
        SELECT name, 'the device was stopped before it finished this file' FROM files WHERE place = 'unfinished'
    """,
    "waiting_in_folder": """
        SELECT f.name, 'in the inbox, not uploaded yet' FROM files AS f WHERE f.place = 'inbox'
          AND NOT EXISTS (SELECT 1 FROM blobs AS b WHERE b.name = f.name AND b.sha256 = f.sha256)
    """,
    "running": """
        SELECT blob_name, 'uploaded; its run is ' || state FROM on_the_way WHERE state IS NOT NULL AND NOT is_stuck
    """,
    "waiting": """
        SELECT blob_name, 'uploaded; its run has not begun' FROM on_the_way WHERE state IS NULL AND NOT is_overdue
    """,
}


@dataclass(frozen=True)
class ManifestLine:
    """What the device says it made: the sum is None where the image must be rejected or is not known."""

    name: str
    sha256: str
    sum: int | None
    expected: str | None


@dataclass(frozen=True)
class Discrepancy:
    """One image that is not as it must be, or not there yet."""

    kind: str
    name: str
    explanation: str


@dataclass(frozen=True)
class Reconciliation:
    """The totals. ``rejected`` counts the cloud's rejections and the agent's, on the device."""

    made: int
    taken: int
    uploaded: int
    scored: int
    rejected: int
    failed: int
    waiting: int
    lost: int
    duplicate_rows: int
    wrong_sums: int
    orphan_rows: int
    missing_rows: int
    stuck_runs: int
    discrepancies: tuple[Discrepancy, ...]
    unfinished: tuple[Discrepancy, ...]

    @property
    def balanced(self) -> bool:
        """Nothing lost, doubled, wrong, orphaned, missing or stuck, and every image taken is accounted for."""
        accounted = self.scored + self.rejected + self.failed + self.waiting
        wrong = self.lost + self.duplicate_rows + self.wrong_sums + self.orphan_rows
        return wrong == 0 and self.missing_rows == 0 and self.stuck_runs == 0 and accounted == self.taken


class Reconciler:
    """Collects the lists (manifest, files, blobs, rows, live runs) and compares them."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(_SCHEMA)

    def add_manifest(self, lines: Iterable[ManifestLine]) -> None:
        self._fill("manifest", 4, ((line.name, line.sum, line.sha256, line.expected) for line in lines))

    def add_files(self, files: Iterable[tuple[str, str, str]]) -> None:
        """(source name, sha256, place) with place ``inbox``, ``unfinished`` or ``rejected``."""
        self._fill("files", 3, files)

    def add_blobs(self, blobs: Iterable[tuple[str, str | None, str | None, float | None]]) -> None:
        """(blob name, source name, sha256, uploaded at) as the blob's metadata say; times in seconds since 1970."""
        self._fill("blobs", 4, blobs)

    def add_rows(self, rows: Iterable[tuple[str, str, str | None, str | None, str, int | None]]) -> None:
        """(run id, blob name, source name, sha256, outcome, pixel sum)."""
        self._fill("rows", 6, rows)

    def add_live_runs(self, runs: Iterable[tuple[str, str, float | None]]) -> None:
        """(blob name, state, started at) of the runs that have not ended."""
        self._fill("live", 3, runs)

    def blobs_without_a_run(self, now: datetime, most: int) -> list[str]:
        """The names of blobs that would be missing rows, at most so many: worth a second question."""
        self._prepare(now)
        found = self._database.execute(f"SELECT * FROM ({DISCREPANCIES['missing_row']}) LIMIT {most}")  # noqa: S608
        return [str(name) for name, _ in found]

    def reconcile(self, now: datetime | None = None) -> Reconciliation:
        """Compare the lists."""
        self._prepare(now or datetime.now(UTC))
        number = {kind: self._count(query) for kind, query in {**DISCREPANCIES, **WAITING}.items()}
        outcome = {name: self._count(f"SELECT 1 FROM rows WHERE outcome = '{name}'")  # noqa: S608 (constants)
                   for name in ("scored", "rejected", "failed")}  # fmt: skip
        rejected_on_device = self._count("SELECT 1 FROM files WHERE place = 'rejected'")
        extra_rows = self._one("SELECT count(*) - count(DISTINCT blob_name) FROM rows")
        uploaded = self._count("SELECT 1 FROM blobs")
        return Reconciliation(
            made=self._count("SELECT 1 FROM manifest"),
            taken=uploaded
            + number["orphan_row"]
            + rejected_on_device
            + number["waiting_in_folder"]
            + number["lost"],
            uploaded=uploaded,
            scored=outcome["scored"],
            rejected=outcome["rejected"] + rejected_on_device,
            failed=outcome["failed"],
            waiting=number["waiting_in_folder"] + number["running"] + number["waiting"],
            lost=number["lost"],
            duplicate_rows=extra_rows + number["extra_blob"],
            wrong_sums=number["wrong_sum"] + number["wrong_outcome"],
            orphan_rows=number["orphan_row"],
            missing_rows=number["missing_row"],
            stuck_runs=number["stuck_run"],
            discrepancies=tuple(self._named(DISCREPANCIES)),
            unfinished=tuple(self._named(WAITING)),
        )

    def _prepare(self, now: datetime) -> None:
        self._database.executescript(_INDEXES)
        limits = ((now - MISSING_AFTER).timestamp(), (now - STUCK_AFTER).timestamp())
        with self._database:
            self._database.execute("DELETE FROM overdue")
            self._database.execute("INSERT INTO overdue VALUES (?, ?)", limits)

    def _fill(self, table: str, columns: int, lines: Iterable[tuple[object, ...]]) -> None:
        marks = ", ".join("?" * columns)
        with self._database:
            self._database.executemany(
                f"INSERT OR REPLACE INTO {table} VALUES ({marks})",  # noqa: S608 (own names)
                (tuple(map(_storable, line)) for line in lines),
            )

    def _count(self, query: str) -> int:
        return self._one(f"SELECT count(*) FROM ({query})")  # noqa: S608 (own queries)

    def _one(self, query: str) -> int:
        return int(self._database.execute(query).fetchone()[0])

    def _named(self, queries: dict[str, str]) -> Iterator[Discrepancy]:
        for kind, query in queries.items():
            for name, explanation in self._database.execute(f"{query} LIMIT {_SHOWN_PER_CLASS}"):
                yield Discrepancy(kind, str(name), str(explanation))


def _storable(value: object) -> object:
    """A name that is not UTF-8 (lone surrogates in Python) with its odd bytes spelled out, as SQLite wants it."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@contextmanager
def open_reconciler() -> Iterator[Reconciler]:
    """Empty lists in a temporary file that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="reconciliation-") as folder:
        database = sqlite3.connect(Path(folder) / "lists.db")
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        try:
            yield Reconciler(database)
        finally:
            database.close()
