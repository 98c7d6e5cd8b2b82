"""What each fault did: one line per test for ``pipeline.py faults``, and the assertion that all is zero."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from local_stack.reconcile.reconciliation import Reconciliation

REPORT_VARIABLE = "FAULTS_REPORT"


@dataclass
class Figures:
    """The result of one fault: ``lost``, ``duplicate``, ``wrong`` and ``stuck`` are all to be 0.

    ``drain_seconds`` is from the end of the fault to the last row, ``seconds`` the whole test.
    """

    fault: str
    seed: int
    lane: str = ""
    lost: int = 0
    duplicate: int = 0
    wrong: int = 0
    stuck: int = 0
    drain_seconds: float | None = None
    images: int = 0
    seconds: float = 0.0
    notes: dict[str, object] = field(default_factory=dict)


class Report:
    """Writes the figures of one test run."""

    def __init__(self, fault: str, seed: int) -> None:
        self._fault, self._seed = fault, seed
        self._started = time.monotonic()

    def zeros(self, figures: Figures, explanation: object = "") -> None:
        """Record the figures, then demand that nothing was lost, doubled, wrong or stuck."""
        figures.seconds = round(time.monotonic() - self._started, 1)
        path = os.environ.get(REPORT_VARIABLE)
        if path:
            # One write to a file opened for appending: several lanes write to it at once.
            with Path(path).open("a", encoding="utf-8") as lines:
                lines.write(json.dumps(asdict(figures)) + "\n")
        counted = (figures.lost, figures.duplicate, figures.wrong, figures.stuck)
        assert counted == (0, 0, 0, 0), f"seed {self._seed}: {figures}\n{explanation}"

    def figures(self, **numbers: object) -> Figures:
        """Figures of this test."""
        return Figures(self._fault, self._seed, os.environ.get("FAULTS_LANE", ""), **numbers)  # type: ignore[arg-type]

    def balanced(self, balance: Reconciliation, drain_seconds: float, made: int, **notes: object) -> None:
        """The reconciliation of a drained pipeline: as many images as were made, and nothing amiss."""
        self.zeros(
            self.figures(
                lost=balance.lost + max(0, made - balance.made),
                duplicate=balance.duplicate_rows,
                wrong=balance.wrong_sums + balance.orphan_rows + balance.failed,
                stuck=balance.waiting + balance.missing_rows + balance.stuck_runs,
                drain_seconds=round(drain_seconds, 1),
                images=balance.made,
                notes=notes,
            ),
            (*balance.discrepancies, *balance.unfinished),
        )
