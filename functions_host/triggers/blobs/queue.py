"""The internal queue of the blob trigger and its receipts, in one SQLite file (contract C1 steps 3-5, C5b).

A blob version gets an incomplete receipt and a queue row in one commit, the completed receipt in the
next: a kill between the two delivers it again, as in Azure. Dequeue counts survive restarts.

What a killed host was delivering is visible again at once or, after `honour_leases`, once its lease has run out.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from functions_host.errors import StateNewerError
from functions_host.triggers.blobs.messages import ListedBlob, QueuedBlob

BLOB_LEASE = timedelta(minutes=10)
"""In Azure, from the beginning of a blob's delivery until another host may deliver it (recorded; contract F)."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS blob_receipt (
    function TEXT NOT NULL, container TEXT NOT NULL, blob TEXT NOT NULL, etag TEXT NOT NULL,
    completed INTEGER NOT NULL,
    PRIMARY KEY (function, container, blob, etag)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blob_queue (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    function TEXT NOT NULL, container TEXT NOT NULL, blob TEXT NOT NULL, etag TEXT NOT NULL,
    dequeue_count INTEGER NOT NULL DEFAULT 0
);
"""
# Steps from each version to the next; the first is what the schema above makes. Seconds since 1970.
_LATER = (
    (
        "ALTER TABLE blob_queue ADD COLUMN lease_owner TEXT",
        "ALTER TABLE blob_queue ADD COLUMN leased_at REAL",
    ),
)
_VERSION = 1 + len(_LATER)


class BlobTriggerQueue:
    """The file, used from the event loop and from scanning threads alike. Raises StateNewerError."""

    def __init__(self, database: Path | Literal[":memory:"]) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            self._connection.close()
            raise StateNewerError(
                f"the blob receipts have schema version {version}, this host knows up to {_VERSION}: "
                "run the newer host, or use another --state folder"
            )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.executescript(_SCHEMA)
        with _transaction(self._connection):
            for step in _LATER[max(version, 1) - 1 :]:
                for statement in step:
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")
        self._owner = uuid.uuid4().hex
        self._now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._lease: timedelta | None = None

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def honour_leases(self, now: Callable[[], datetime], lease: timedelta) -> None:
        """Keep what another host began to deliver invisible for `lease` from then on, as Azure's queue does."""
        self._now, self._lease = now, lease

    def next_visible(self) -> datetime | None:
        """When the next lease of another host runs out; None if there is none."""
        if self._lease is None:
            return None
        with self._lock:
            (leased_at,) = self._connection.execute(
                "SELECT min(leased_at) FROM blob_queue WHERE lease_owner <> ? AND leased_at > ?",
                (self._owner, self._expired_if_leased_before()),
            ).fetchone()
        return None if leased_at is None else datetime.fromtimestamp(leased_at, UTC) + self._lease

    def enqueue_new(self, function: str, container: str, blobs: Iterable[ListedBlob]) -> int:
        """Queue each blob version that has no completed receipt; how many were queued."""
        with self._lock:
            new = [blob for blob in blobs if not self._completed(function, container, blob)]
            keys = [(function, container, blob.name, blob.etag) for blob in new]
            if not keys:
                return 0
            with _transaction(self._connection):
                self._connection.executemany(
                    "INSERT OR REPLACE INTO blob_receipt VALUES (?, ?, ?, ?, 0)", keys
                )
                self._insert(keys)
            with _transaction(self._connection):
                self._connection.executemany(
                    "UPDATE blob_receipt SET completed = 1"
                    " WHERE function = ? AND container = ? AND blob = ? AND etag = ?",
                    keys,
                )
            return len(keys)

    def enqueue_event(self, function: str, container: str, name: str) -> None:
        """Queue the blob of an event: no receipt, every event is one run (contract C5)."""
        with self._lock, _transaction(self._connection):
            self._insert([(function, container, name, "")])

    def waiting(self, exclude: Sequence[int], limit: int) -> list[QueuedBlob]:
        """Up to `limit` queued blobs, oldest first, without those being worked on."""
        marks = ",".join("?" * len(exclude))
        with self._lock:
            rows = self._connection.execute(
                "SELECT id, function, container, blob, etag, dequeue_count FROM blob_queue"  # noqa: S608 (marks)
                f" WHERE id NOT IN ({marks})"
                " AND (lease_owner IS NULL OR lease_owner = ? OR leased_at <= ?) ORDER BY id LIMIT ?",
                (*exclude, self._owner, self._expired_if_leased_before(), limit),
            ).fetchall()
        return [QueuedBlob(*row) for row in rows]

    def count_delivery(self, row_id: int) -> int:
        """Note that a delivery begins; the new dequeue count."""
        with self._lock:
            row = self._connection.execute(
                "UPDATE blob_queue SET dequeue_count = dequeue_count + 1, lease_owner = ?, leased_at = ?"
                " WHERE id = ? RETURNING dequeue_count",
                (self._owner, self._now().timestamp(), row_id),
            ).fetchone()
        return int(row[0])

    def remove(self, row_id: int) -> None:
        """The delivery succeeded, was dropped, or went to the poison queue."""
        with self._lock:
            self._connection.execute("DELETE FROM blob_queue WHERE id = ?", (row_id,))

    def reset_receipts(self, function: str | None = None) -> int:
        """Forget receipts, so that existing blobs fire again; how many were forgotten."""
        with self._lock:
            if function is None:
                return self._connection.execute("DELETE FROM blob_receipt").rowcount
            return self._connection.execute(
                "DELETE FROM blob_receipt WHERE function = ? COLLATE NOCASE", (function,)
            ).rowcount

    def _expired_if_leased_before(self) -> float:
        """Leases that began then or earlier have run out (seconds since 1970)."""
        return float("inf") if self._lease is None else (self._now() - self._lease).timestamp()

    def _completed(self, function: str, container: str, blob: ListedBlob) -> bool:
        row = self._connection.execute(
            "SELECT completed FROM blob_receipt WHERE function = ? AND container = ? AND blob = ? AND etag = ?",
            (function, container, blob.name, blob.etag),
        ).fetchone()
        return row is not None and bool(row[0])

    def _insert(self, keys: Sequence[tuple[str, str, str, str]]) -> None:
        self._connection.executemany(
            "INSERT INTO blob_queue (function, container, blob, etag) VALUES (?, ?, ?, ?)", keys
        )


class _transaction:  # noqa: N801 (used like a function)
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._connection.execute("ROLLBACK")
            return
        try:
            self._connection.execute("COMMIT")
        except (
            sqlite3.OperationalError
        ):  # a full disk: SQLite may leave the transaction open, and no other begins
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
