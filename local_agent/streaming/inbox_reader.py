"""The streaming source: looks at the inbox and cuts what is complete into micro-batches.

Runs in one long-lived process beside the Spark driver. An offset is only a count of batches; which files
belong to a batch is decided by the folder at that moment, so a lost checkpoint loses nothing: files that
were uploaded are no longer in the inbox, and all others are.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql.datasource import DataSourceStreamReader, InputPartition
from pyspark.sql.streaming.datasource import ReadLimit, SupportsTriggerAvailableNow

from local_agent.errors import delay_seconds
from local_agent.folder.completeness import Verdict
from local_agent.folder.entries import Entry, identity_of, kind_of, list_inbox
from local_agent.folder.moving import Reason, reject, return_filled
from local_agent.folder.reading import may_read
from local_agent.folder.selection import Listing, Order, select
from local_agent.folder.watchlist import PROBE_FILES, Watchlist
from local_agent.reports import ListingReport, post_listing
from local_agent.streaming.job_options import JobOptions

if TYPE_CHECKING:
    import pyarrow as pa

    from local_agent.folder.entries import Identity

SCHEMA = "path binary, inode long, size long, mtime_ns long"
_LOOK_SECONDS = 0.05  # between two looks at an idle inbox
_HOLD_SECONDS = 1.0  # how long one call may wait for files; Spark cannot stop the query meanwhile
_REPORT_SECONDS = 0.5
_FILLED_SECONDS = 2.0  # between two looks for empty files that were filled after their move
_FILES_PER_TASK = 32  # fewer than this do not pay for a second task
_REFUSALS = {
    Verdict.REFUSE_SYMLINK: "it is a symbolic link; only regular files are uploaded",
    Verdict.REFUSE_SPECIAL: "it is a FIFO, socket or device; only regular files are uploaded",
    Verdict.REFUSE_SIZE: "it has {size} bytes, {limit} are allowed",
}


class FilesPartition(InputPartition):
    """The files of one task."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__(None)
        self.paths = [entry.path for entry in entries]
        self.identities = [tuple(entry.identity) for entry in entries]


class InboxReader(DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Lists the inbox for Spark; the decisions are in folder.selection and folder.watchlist."""

    def __init__(self, options: JobOptions) -> None:
        self._options = options
        self._folders = options.folders
        self._watchlist: Watchlist | None = None
        self._ready: deque[Entry] = deque()
        self._planned: dict[int, list[Entry]] = {}
        self._listing = Listing()
        self._listing_seconds = 0.0
        self._next_look = self._next_report = self._next_filled = 0.0
        self._rejected = 0
        self._error = ""
        self._only: dict[bytes, Identity] | None = None  # --once: what was there at the start
        self._once_until = 0.0

    # -- Spark's side

    def initialOffset(self) -> dict[str, int]:  # noqa: N802 (Spark's name)
        """Before the first batch."""
        return {"batch": 0}

    def latestOffset(self, start: dict[str, int], limit: ReadLimit) -> dict[str, int]:  # noqa: N802
        """One further if there is something to upload, after waiting a moment for it; else ``start``."""
        hold_until = time.monotonic() + _HOLD_SECONDS
        while True:
            files = [] if self._folders.stop_request.exists() else self._next_files()
            if files:
                end = int(start["batch"]) + 1
                self._planned = {end: files}
                return {"batch": end}
            if self._only is not None and not self._something_may_come():
                return start
            if time.monotonic() >= hold_until or self._folders.stop_request.exists():
                if self._only is None:
                    return start
                hold_until = time.monotonic() + _HOLD_SECONDS
                if self._folders.stop_request.exists():
                    return start
            time.sleep(_LOOK_SECONDS)

    def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802 (Spark's name)
        """``--once``: remember what lies there now; later arrivals are left to the next run."""
        self._only = {entry.path: entry.identity for entry in list_inbox(self._folders.inbox)}
        self._once_until = time.monotonic() + 2 * self._options.settle_seconds + 30

    def partitions(self, start: dict[str, int], end: dict[str, int]) -> Sequence[FilesPartition]:
        """The files of a batch, spread over the tasks.

        After a restart Spark repeats the batch that was under way: then the folder says what is left of it.
        """
        if start == end:
            return []
        files = self._planned.get(int(end["batch"]))
        if files is None:
            files = self._next_files()
        tasks = max(1, min(self._options.parallelism, len(files) // _FILES_PER_TASK))
        return [FilesPartition(files[task::tasks]) for task in range(tasks)] if files else []

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Names and identities only: contents never pass through the JVM."""
        if not isinstance(partition, FilesPartition):
            raise TypeError("not a partition of this source")
        # Only here: pyarrow takes 11 MB in each process, and of those that load this module few read.
        import pyarrow as pa

        inodes, sizes, times = zip(*partition.identities, strict=True)
        signed = [inode - (1 << 64) if inode >= 1 << 63 else inode for inode in inodes]
        schema = pa.schema(
            [("path", pa.binary()), ("inode", pa.int64()), ("size", pa.int64()), ("mtime_ns", pa.int64())]
        )
        yield pa.record_batch([partition.paths, signed, sizes, times], schema=schema)

    # -- the folder's side

    def _next_files(self) -> list[Entry]:
        now = time.monotonic()
        watchlist = self._watch()
        if not self._ready:
            if now < self._next_look:
                return []
            self._look(watchlist, now)
        if now < watchlist.resume_at:
            return []
        count = PROBE_FILES if watchlist.outages else self._options.files_per_batch
        files = [self._ready.popleft() for _ in range(min(count, len(self._ready)))]
        if watchlist.outages:
            self._ready.clear()
        watchlist.hand_out(files)
        return files

    def _watch(self) -> Watchlist:
        """Made here and not at construction: Spark pickles the reader, and memory belongs to one process."""
        if self._watchlist is None:
            chance = random.Random()  # noqa: S311 (spreads retries)
            self._watchlist = Watchlist(
                self._options.settle_seconds, lambda failures: delay_seconds(failures, chance.random())
            )
        return self._watchlist

    def _look(self, watchlist: Watchlist, now: float) -> None:
        if now >= self._next_filled:
            self._next_filled = now + _FILLED_SECONDS
            with contextlib.suppress(OSError):
                return_filled(self._folders)
        watchlist.judge(self._still_there(watchlist.handed_out()), now)
        order = Order(self._options.order)
        window = self._options.files_per_batch * (4 if order is Order.OLDEST_FIRST else 1)
        try:
            self._listing = select(
                self._entries(), self._options.rule, watchlist, now=now, window=window, order=order,
                readable=lambda path: may_read(self._folders.inbox, path),
            )  # fmt: skip
            self._error = ""
        except OSError as error:
            self._listing = Listing()
            self._error = f"the inbox cannot be read: {error.strerror}"
        self._ready = deque(self._listing.ready)
        self._reject(self._listing.refused)
        self._listing_seconds = time.monotonic() - now
        # A large folder is looked at less often, so that looking never takes more than a tenth of a core.
        self._next_look = now + max(_LOOK_SECONDS, min(2.0, 10 * self._listing_seconds))
        if now >= self._next_report or self._error:
            self._next_report = now + _REPORT_SECONDS
            self._report(watchlist, now)

    def _entries(self) -> Iterator[Entry]:
        entries = list_inbox(self._folders.inbox)
        if self._only is None:
            return entries
        return (entry for entry in entries if self._only.get(entry.path) == entry.identity)

    def _still_there(self, paths: Sequence[bytes]) -> list[Entry]:
        inbox = os.fsencode(self._folders.inbox)
        found = []
        for path in paths:
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(inbox, path))  # noqa: PTH118 (names are bytes)
                found.append(Entry(path, kind_of(status.st_mode), identity_of(status)))
        return found

    def _reject(self, refused: Sequence[tuple[Entry, Verdict]]) -> None:
        for entry, verdict in refused:
            message = _REFUSALS[verdict].format(size=entry.identity.size, limit=self._options.max_bytes)
            try:
                reject(self._folders, entry.path, Reason(verdict.value, message))
                self._rejected += 1
            except OSError as error:
                self._error = f"cannot set a file aside: {error.strerror}"

    def _something_may_come(self) -> bool:
        """``--once``: whether waiting longer can bring a file: one still settles, or will be tried again."""
        if time.monotonic() > self._once_until:
            return False
        return bool(self._ready or self._listing.settling or self._watch().handed_out() or self._retry_left())

    def _retry_left(self) -> bool:
        watchlist = self._watch()
        return 0 < watchlist.outages <= 3

    def _report(self, watchlist: Watchlist, now: float) -> None:
        oldest = self._listing.oldest_mtime_ns
        report: dict[str, Any] = {
            "waiting": self._listing.waiting,
            "settling": self._listing.settling,
            "unfinished": self._listing.unfinished,
            "unreadable": self._listing.unreadable,
            "failing": watchlist.failing,
            "oldest_seconds": max(0.0, time.time() - oldest / 1e9) if oldest is not None else 0.0,
            "outages": watchlist.outages,
            "retry_in_seconds": max(0.0, watchlist.resume_at - now),
            "rejected": self._rejected,
            "error": self._error,
            "at": time.time(),
        }
        with contextlib.suppress(OSError):
            post_listing(self._folders.reports, ListingReport(**report))
