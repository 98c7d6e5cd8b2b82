"""What a check of ``doctor`` finds, on this computer or in Azure: how bad, what, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """``level`` is ``ok``, ``note`` (works, but worth knowing) or ``problem`` (a command will fail)."""

    level: str
    finding: str
    remedy: str = ""


def ok(finding: str) -> Finding:
    return Finding("ok", finding)


def note(finding: str, remedy: str) -> Finding:
    return Finding("note", finding, remedy)


def problem(finding: str, remedy: str) -> Finding:
    return Finding("problem", finding, remedy)
