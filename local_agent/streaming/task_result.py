"""What comes back from a task: figures, never file contents."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class TaskResult:
    """What one task did with its files; latencies in seconds from file complete to acknowledged."""

    uploaded: int = 0
    already_there: int = 0
    bytes: int = 0
    rejected: int = 0
    failed: int = 0
    skipped: int = 0
    error: str = ""
    blocked: bool = False
    latencies: list[float] = field(default_factory=list)
