"""What one demo came to, in the form in which ``--json`` writes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoResult:
    """The figures of one demo; the field names are the JSON's."""

    host: str
    made: int
    uploaded: int
    scored: int
    rejected: int
    failed: int
    waiting: int
    lost: int
    duplicate_rows: int
    wrong_sums: int
    balanced: bool
    seconds: float
    images_per_second: float
    latency_seconds: dict[str, float | None]
    device_id: str
    database: str
    histogram: str
    discrepancies: list[dict[str, str]]
