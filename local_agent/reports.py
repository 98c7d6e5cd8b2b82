"""What the agent's processes say: lines in the log, and small JSON files that are written whole or not at all.

The source and the sink run in processes of Spark's making; a folder is the one channel that all of them,
on one machine or on a cluster with a shared folder, have in common. Losing a report loses a figure, no file.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any


def log_line(event: str, **fields: Any) -> None:
    """One event as a line of JSON on standard output, at once."""
    print(json.dumps({"event": event, **fields}), flush=True)


@dataclass(frozen=True)
class BatchReport:
    """What one micro-batch did. The latencies are seconds from file complete to acknowledged."""

    batch: int
    uploaded: int = 0
    already_there: int = 0
    bytes: int = 0
    rejected: int = 0
    failed: int = 0
    skipped: int = 0  # vanished or changed meanwhile: nothing to do, or listed again
    seconds: float = 0.0
    oldest_seconds: float = 0.0
    latency_p50: float = 0.0
    latency_p95: float = 0.0
    workers: tuple[str, ...] = ()
    error: str = ""
    blocked: bool = False


@dataclass(frozen=True)
class ListingReport:
    """What the last look at the inbox found; see folder.selection.Listing."""

    waiting: int = 0
    settling: int = 0
    unfinished: int = 0
    unreadable: int = 0
    failing: int = 0
    oldest_seconds: float = 0.0
    outages: int = 0
    retry_in_seconds: float = 0.0
    rejected: int = 0  # by the reader since it started
    error: str = ""
    at: float = field(default=0.0)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace ``path`` by the JSON of ``value``; a reader sees the old text or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    temporary.write_text(json.dumps(value) + "\n", encoding="utf-8")
    temporary.replace(path)


def post_batch(folder: Path, report: BatchReport) -> None:
    """Leave a micro-batch's report for the main process."""
    write_json(folder / f"batch-{time.time_ns():020d}-{report.batch}.json", asdict(report))


def post_listing(folder: Path, report: ListingReport) -> None:
    """Replace the report on the inbox."""
    write_json(folder / "listing.json", asdict(report))


def take_batches(folder: Path) -> Iterator[BatchReport]:
    """The reports left since the last call, oldest first; each is given once."""
    for path in sorted(folder.glob("batch-*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            content = _known(BatchReport, path)
            content["workers"] = tuple(content.get("workers", ()))
            yield BatchReport(**content)
        path.unlink(missing_ok=True)


def read_listing(folder: Path) -> ListingReport:
    """The last report on the inbox; an empty one if there is none yet."""
    try:
        return ListingReport(**_known(ListingReport, folder / "listing.json"))
    except (OSError, ValueError, TypeError):
        return ListingReport()


def _known(kind: type[BatchReport] | type[ListingReport], path: Path) -> dict[str, Any]:
    names = {item.name for item in fields(kind)}
    return {key: value for key, value in json.loads(path.read_text(encoding="utf-8")).items() if key in names}
