"""Moves the write-ahead log into the database beside the event loop, so that no commit pays for it."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

COMMITS_BETWEEN = 200
"""About 4 MB of log: measured, 80 images left 10 MB of it in fewer than 500 commits."""
WAL_LIMIT_BYTES = 16 * 1024 * 1024


class Checkpointer:
    """Counts commits; now and then checkpoints passively in a thread of its own.

    A passive checkpoint never blocks a writer, but under steady load may never catch up; past
    `WAL_LIMIT_BYTES` the loop itself finishes the little that is left, and the log starts over.
    """

    def __init__(self, database: Path, writer: sqlite3.Connection) -> None:
        self._database = database
        self._wal = Path(f"{database}-wal")
        self._writer = writer
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="durable-checkpoint")
        self._commits = 0
        self._running: asyncio.Future[None] | None = None

    def committed(self) -> None:
        """One more commit was made."""
        self._commits += 1
        if self._commits < COMMITS_BETWEEN or self._running is not None:
            return
        self._commits = 0
        self._running = asyncio.get_running_loop().run_in_executor(self._thread, self._checkpoint)
        self._running.add_done_callback(self._finished)

    def make_room(self) -> None:
        """The disk is full: give back what the log takes, now and on the event loop. Without room for that, nothing.

        The log holds each page as often as it was written, the database once.
        """
        with contextlib.suppress(sqlite3.Error):
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _checkpoint(self) -> None:
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(self._open()) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._database, isolation_level=None, timeout=1.0)

    def _finished(self, running: asyncio.Future[None]) -> None:
        self._running = None
        if running.cancelled():
            return
        running.exception()
        with contextlib.suppress(OSError, sqlite3.Error):
            if self._wal.stat().st_size > WAL_LIMIT_BYTES:
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    async def close(self) -> None:
        """Wait for a running checkpoint."""
        if self._running is not None:
            await asyncio.wait([self._running])
        self._thread.shutdown(wait=True)
