"""What a check says: level (``ok``, ``note``, ``problem``), finding, remedy; as the local doctor's checks do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """One check's answer."""

    level: str
    finding: str
    remedy: str = ""


def ok(finding: str) -> Verdict:
    return Verdict("ok", finding)


def note(finding: str, remedy: str) -> Verdict:
    return Verdict("note", finding, remedy)


def problem(finding: str, remedy: str) -> Verdict:
    return Verdict("problem", finding, remedy)
