"""What can go wrong on one computer, always with the remedy in the same sentence; and what a command ends with."""

from __future__ import annotations

DONE = 0
"""The command did what it says."""
FAILED = 1
"""It ran, and what it checks or waits for is not as it should be."""
CANNOT_RUN = 2
"""A wrong call, or something on this computer that only the user can mend."""
INTERRUPTED = 130
"""Ctrl-C, as shells count it."""


class StackError(Exception):
    """Something the user can mend: names the thing, the reason and the remedy.

    ``exit_code`` is what the command ends with: FAILED for a failed run, CANNOT_RUN for a wrong call or environment.
    """

    def __init__(self, problem: str, remedy: str, exit_code: int = CANNOT_RUN) -> None:
        super().__init__(f"{problem}\nRemedy: {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.exit_code = exit_code
