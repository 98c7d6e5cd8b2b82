"""What can go wrong on one computer, always with the remedy in the same sentence."""

from __future__ import annotations


class StackError(Exception):
    """Something the user can mend: names the thing, the reason and the remedy.

    ``exit_code`` is what the command ends with: 1 for a failed run, 2 for a wrong call or environment.
    """

    def __init__(self, problem: str, remedy: str, exit_code: int = 2) -> None:
        super().__init__(f"{problem}\nRemedy: {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.exit_code = exit_code
