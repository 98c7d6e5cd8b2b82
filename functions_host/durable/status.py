"""Orchestration statuses: numbers as DurableTask.Core stores them, names as clients see them."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """`runtimeStatus` of an instance."""

    RUNNING = 0
    COMPLETED = 1
    CONTINUED_AS_NEW = 2
    FAILED = 3
    CANCELED = 4
    TERMINATED = 5
    PENDING = 6
    SUSPENDED = 7

    @property
    def label(self) -> str:
        """`ContinuedAsNew`, `Running`, ..."""
        return "".join(part.capitalize() for part in self.name.split("_"))

    @property
    def is_final(self) -> bool:
        """Whether nothing can happen to the instance any more (but rewind, restart and purge)."""
        return self in _FINAL


_FINAL = frozenset((Status.COMPLETED, Status.FAILED, Status.CANCELED, Status.TERMINATED))
FINAL_STATUSES = tuple(sorted(int(status) for status in _FINAL))


def status_from_label(label: str) -> Status | None:
    """The status of that name, ignoring case; None for a name that does not exist."""
    return _BY_LABEL.get(label.strip().lower())


_BY_LABEL = {status.label.lower(): status for status in Status}
