"""The hub's SQLite file: opened once, written in group commits, read by the same connection.

Every change arrives as a `Unit`, the statements of one fact (an episode, an activity's result).
All units of one iteration of the event loop share one transaction, in the order they came; a unit's
`on_commit` runs after it is durable, and nothing is dispatched before that.

Commits run on the event loop itself: measured on an ordinary disk, a commit of one episode takes
40 us (p50) and of ten episodes 240 us, less than a hop to a thread and back under load. What made
them slow, the WAL checkpoint (6-8 ms), runs in a thread on a second connection instead. WAL with
synchronous=NORMAL is safe against kill -9 of the process: a committed transaction is in the
kernel's page cache then; only a power cut can lose the last ones, and never tears the file.

A commit that fails because the disk is full or not writable is retried until it succeeds, in order;
work waits meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from functions_host.durable.errors import HubInUseError, HubMismatchError
from functions_host.durable.storing.checkpoints import Checkpointer
from functions_host.durable.storing.schema import migrate

_log = logging.getLogger("functions_host.durable.store")

Statement = tuple[str, Sequence[Any]]
Connect = Callable[[str], sqlite3.Connection]
RETRY_SECONDS = 0.5
UNSTORABLE = (sqlite3.Error, UnicodeError, OverflowError)
"""What SQLite raises for a value it cannot take (OperationalError, the disk's, is handled before)."""
_LOCK_WAIT_SECONDS = 1.0


class Unit(NamedTuple):
    """Statements that are durable together or not at all, and what to do once they are."""

    statements: Sequence[Statement]
    on_commit: Callable[[], None] | None = None


def connect(path: str) -> sqlite3.Connection:
    """Open a connection in autocommit mode (transactions are explicit)."""
    return sqlite3.connect(path, isolation_level=None, cached_statements=256, check_same_thread=False)


class Store:
    """One hub's state. All methods belong to the event loop's thread."""

    def __init__(
        self, database: Path | Literal[":memory:"], hub_name: str, connect: Connect = connect
    ) -> None:
        self._path = None if database == ":memory:" else Path(database)
        self._hub_name = hub_name
        self._connect = connect
        self._queue: list[Unit] = []
        self._flush_handle: asyncio.Handle | None = None
        self._db: sqlite3.Connection | None = None
        self._lock: sqlite3.Connection | None = None
        self._checkpointer: Checkpointer | None = None
        self._failing = False

    def open(self) -> None:
        """Take the task hub's lock, migrate; raises HubInUseError, HubNewerError or HubMismatchError."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _take_lock(self._path)
        try:
            self._db = self._connect(str(self._path or ":memory:"))
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.execute("PRAGMA wal_autocheckpoint = 0")
            migrate(self._db)
            self._claim_hub(self._db)
        except BaseException:
            self._close_connections()
            raise
        if self._path is not None:
            self._checkpointer = Checkpointer(self._path, self._db)

    def _claim_hub(self, db: sqlite3.Connection) -> None:
        row = db.execute("SELECT value FROM hub WHERE key = 'name'").fetchone()
        if row is None:
            db.execute("INSERT INTO hub VALUES ('name', ?)", (self._hub_name,))
        elif row[0].lower() != self._hub_name.lower():
            raise HubMismatchError(
                f"{self._path} holds the task hub '{row[0]}', but host.json names '{self._hub_name}'"
            )

    def submit(self, unit: Unit) -> None:
        """Queue a unit for the commit at the end of this iteration of the event loop."""
        self._queue.append(unit)
        if self._flush_handle is None:
            self._flush_handle = asyncio.get_running_loop().call_soon(self.flush)

    def durable(self) -> asyncio.Future[None]:
        """Done once everything submitted so far is on disk."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.submit(Unit((), lambda: None if done.done() else done.set_result(None)))
        return done

    def flush(self) -> None:
        """Commit everything queued; on a full or read-only disk try again later."""
        if self._flush_handle is not None:
            self._flush_handle.cancel()
            self._flush_handle = None
        units, self._queue = self._queue, []
        if not units or self._db is None:
            return
        try:
            if any(unit.statements for unit in units):
                self._commit(self._db, units)
        except sqlite3.OperationalError as error:
            if not self._failing:
                _log.error("durable state cannot be written (%s): waiting until it can", error)
            self._failing = True
            if self._checkpointer is not None:
                self._checkpointer.make_room()
            self._queue = units + self._queue
            self._flush_handle = asyncio.get_running_loop().call_later(RETRY_SECONDS, self.flush)
            return
        except UNSTORABLE:
            # Not the disk: a value SQLite does not take. Only the unit that holds it may suffer.
            units = [unit for unit in units if self._commit_alone(self._db, unit)]
        if self._failing:
            self._failing = False
            _log.info("durable state can be written again")
        for unit in units:
            if unit.on_commit is not None:
                unit.on_commit()
        if self._checkpointer is not None:
            self._checkpointer.committed()

    def _commit_alone(self, db: sqlite3.Connection, unit: Unit) -> bool:
        try:
            self._commit(db, [unit])
        except UNSTORABLE:
            _log.exception("durable state: a change could not be recorded and is dropped")
            return False
        return True

    def _commit(self, db: sqlite3.Connection, units: Sequence[Unit]) -> None:
        db.execute("BEGIN IMMEDIATE")
        try:
            for unit in units:
                for sql, parameters in unit.statements:
                    db.execute(sql, parameters)
            db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.OperationalError):
                db.execute("ROLLBACK")
            raise

    @property
    def is_idle(self) -> bool:
        """Whether everything submitted is on disk."""
        return not self._queue

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Committed rows. What is still queued is not seen: whoever submitted it holds it in memory."""
        if self._db is None:
            raise sqlite3.ProgrammingError("the store is closed")
        return self._db.execute(sql, parameters).fetchall()

    async def close(self) -> None:
        """Commit what is queued and release the task hub's lock."""
        self.flush()
        if self._flush_handle is not None:
            self._flush_handle.cancel()
        if self._checkpointer is not None:
            await self._checkpointer.close()
        self._close_connections()

    def _close_connections(self) -> None:
        for connection in (self._db, self._lock):
            if connection is not None:
                connection.close()
        self._db = self._lock = None


def _take_lock(path: Path) -> sqlite3.Connection:
    """An exclusive lock that the operating system drops when this process dies, on every platform."""
    lock = sqlite3.connect(f"{path}.lock", timeout=_LOCK_WAIT_SECONDS, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        raise HubInUseError(
            f"another host is running on {path}: stop it, or start this one with another --state folder or hubName"
        ) from error
    return lock
