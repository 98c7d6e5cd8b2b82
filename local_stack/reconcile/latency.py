"""From the file's completion on the device to the committed row: percentiles of what was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any


def seconds_of(run: dict[str, Any]) -> float | None:
    """File complete (its modification time, in the blob's metadata) to row committed, or None if unknown."""
    captured, committed = run.get("captured_at"), run.get("committed_at")
    if not captured or not committed:
        return None
    return (datetime.fromisoformat(committed) - datetime.fromisoformat(captured)).total_seconds()


def percentiles(values: Iterable[float]) -> dict[str, float | None]:
    """p50, p95 and p99 (nearest rank), rounded to milliseconds; None where there is no value."""
    ordered = sorted(values)
    return {f"p{rank}": _nearest(ordered, rank) for rank in (50, 95, 99)}


def _nearest(ordered: Sequence[float], rank: int) -> float | None:
    if not ordered:
        return None
    return round(ordered[max(0, -(-len(ordered) * rank // 100) - 1)], 3)
