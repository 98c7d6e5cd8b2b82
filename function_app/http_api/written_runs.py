"""Pages of ended runs as JSON text. The text of a run is made once and kept while its row stays the same.

Every open dashboard asks for the newest page every two seconds, and nearly all of that page is what the last
one held: making it anew took two thirds of the answer's time.
"""

from __future__ import annotations

import json
from datetime import datetime

from function_app.codec import to_json
from function_app.http_api.views import view_of
from function_app.models import Page, Score, StoredRun

# About a kilobyte each: what a few dashboards have open. More would be hours of growth, not to be told from a leak.
MOST_KEPT = 4_000

# What tells two states of a row apart: a replay changes attempt and time, a later scorer adds a score.
_Row = tuple[str, int, datetime, tuple[Score, ...]]


class WrittenRuns:
    """The texts that are kept. Safe to share between threads: two that meet write the same text twice."""

    def __init__(self, most_kept: int = MOST_KEPT) -> None:
        self._texts: dict[_Row, str] = {}
        self._most_kept = most_kept

    def page(self, page: Page) -> str:
        """The JSON of a RunsPage."""
        runs = ", ".join(map(self._run, page.runs))
        return f'{{"runs": [{runs}], "next_cursor": {json.dumps(page.next_cursor)}}}'

    def _run(self, run: StoredRun) -> str:
        row = (run.record.run_id, run.record.attempt, run.committed_at, run.scores)
        text = self._texts.get(row)
        if text is None:
            text = json.dumps(to_json(view_of(run, None)))
            if len(self._texts) >= self._most_kept:
                self._texts.clear()
            self._texts[row] = text
        return text
