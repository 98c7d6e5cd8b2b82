"""What the agent says of itself: totals, one line per micro-batch, the status file, one live line on a terminal."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from local_agent.reports import BatchReport, ListingReport, write_json

_RATE_WINDOW_SECONDS = 10.0


@dataclass
class AgentStatus:
    """Totals since the agent started; ``state`` is one of starting, running, waiting_for_storage, blocked,
    stopping, stopped, failed."""

    clock: Callable[[], float] = time.monotonic
    state: str = "starting"
    uploaded: int = 0
    already_there: int = 0
    rejected: int = 0
    bytes: int = 0
    batches: int = 0
    last_error: str = ""
    listing: ListingReport = field(default_factory=ListingReport)
    _recent: deque[tuple[float, int]] = field(default_factory=deque)
    _rejected_by_earlier_readers: int = 0

    def add_batch(self, batch: BatchReport) -> None:
        """Count one micro-batch."""
        self.batches += 1
        self.uploaded += batch.uploaded
        self.already_there += batch.already_there
        self.rejected += batch.rejected
        self.bytes += batch.bytes
        self._recent.append((self.clock(), batch.uploaded))
        if batch.error:
            self.last_error = batch.error
            self.state = "blocked" if batch.blocked else "waiting_for_storage"
        elif batch.uploaded:
            self.last_error = ""
            self.state = "running"

    def add_listing(self, listing: ListingReport) -> None:
        """Take over the last look at the inbox."""
        if listing.rejected < self.listing.rejected:  # a new reader counts from zero
            self._rejected_by_earlier_readers += self.listing.rejected
        self.listing = listing

    @property
    def files_per_second(self) -> float:
        """Over the last ten seconds."""
        now = self.clock()
        while self._recent and now - self._recent[0][0] > _RATE_WINDOW_SECONDS:
            self._recent.popleft()
        return round(sum(count for _, count in self._recent) / _RATE_WINDOW_SECONDS, 1)

    def as_json(self) -> dict[str, Any]:
        """The content of the status file."""
        listing = self.listing
        return {
            "pid": os.getpid(),
            "state": self.state,
            "uploaded": self.uploaded,
            "already_there": self.already_there,
            "waiting": listing.waiting,
            "settling": listing.settling,
            "unfinished": listing.unfinished,
            "unreadable": listing.unreadable,
            "rejected": self.rejected + listing.rejected + self._rejected_by_earlier_readers,
            "bytes": self.bytes,
            "batches": self.batches,
            "files_per_second": self.files_per_second,
            "oldest_waiting_seconds": round(listing.oldest_seconds, 1),
            "retry_in_seconds": round(listing.retry_in_seconds, 1),
            "last_error": self.last_error or listing.error,
            "updated_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }

    def write(self, path: Path, **more: Any) -> None:
        """Replace the status file, with what others know besides; raises OSError."""
        write_json(path, self.as_json() | more)


def batch_line(batch: BatchReport, listing: ListingReport) -> str:
    """The one line a micro-batch leaves in the log, as JSON."""
    line: dict[str, Any] = {
        "event": "batch",
        "batch": batch.batch,
        "files": batch.uploaded,
        "bytes": batch.bytes,
        "already_there": batch.already_there,
        "rejected": batch.rejected,
        "failed": batch.failed,
        "skipped": batch.skipped,
        "seconds": round(batch.seconds, 3),
        "files_per_second": round(batch.uploaded / batch.seconds, 1) if batch.seconds > 0 else 0.0,
        "latency_p50": round(batch.latency_p50, 3),
        "latency_p95": round(batch.latency_p95, 3),
        "waiting": listing.waiting,
        "oldest_seconds": round(listing.oldest_seconds, 1),
        "workers": len(batch.workers),
    }
    if batch.error:
        line["error"] = batch.error
    return json.dumps(line)


def read_status(path: Path) -> dict[str, Any]:
    """The last written status. Raises OSError or ValueError as they come."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def progress_line(status: Mapping[str, Any], width: int = 100) -> str:
    """The line for a status, cut to ``width`` characters. Pure."""
    text = (
        f"{status['state']}: {status['uploaded']} uploaded, {status['waiting']} waiting, "
        f"{status['rejected']} rejected, {status['files_per_second']:.1f} files/s"
    )
    if status["waiting"] and status["oldest_waiting_seconds"] > 10:
        text += f", oldest {status['oldest_waiting_seconds']:.0f} s"
    if status["last_error"]:
        text += f" | {status['last_error']}"
    return text[:width]


class LiveLine:
    """Rewrites one line of a terminal; silent where there is none."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream if stream.isatty() else None

    def show(self, status: Mapping[str, Any]) -> None:
        """Show the status in place of the last one."""
        if self._stream is not None:
            self._stream.write("\r\x1b[K" + progress_line(status))
            self._stream.flush()

    def end(self) -> None:
        """Leave the line behind."""
        if self._stream is not None:
            self._stream.write("\n")
