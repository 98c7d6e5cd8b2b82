"""Why no purge of ours names a filter: one word amiss in it takes runs under way along.

Recorded on Functions host 4.1037 / DurableTask 3.19.0 (``tests/contract/recordings/durable/purge.json``, each question
asked of five instances, one per state): when ``runtimeStatus`` names no state that an instance can have ended in (none
given, only living ones, misspelt, or in lower case), everything in the time range is deleted, running and suspended
instances too.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).parents[3]
RECORDED = Path(__file__).parents[1] / "recordings" / "durable" / "purge.json"
TERMINAL = {"Completed", "Failed", "Terminated", "Canceled"}
LIVING = ("running", "suspended")


def recorded_purges() -> list[tuple[set[str], bool]]:
    """(states named, whether living instances went) of each accepted purge over HTTP."""
    rows = json.loads(RECORDED.read_text())
    found = []
    for asked, left in itertools.pairwise(rows):
        if left["label"] != "left" or asked.get("answer", {}).get("status") != 200 or "request" not in asked:
            continue
        if asked["request"]["method"] == "DELETE":
            query = parse_qs(urlsplit(asked["request"]["path"]).query)
            named = set(",".join(query.get("runtimeStatus", [])).split(",")) - {""}
            found.append((named, any(left["value"][name] == 404 for name in LIVING)))
    return found


def test_living_instances_went_wherever_no_terminal_state_was_named_and_only_there() -> None:
    purges = recorded_purges()
    assert len(purges) > 8
    for named, living_went in purges:
        assert living_went == (not named & TERMINAL), named


def test_the_app_never_purges_by_a_filter() -> None:
    """Histories go by the ids of runs that have their row; the host refuses an id that lives."""
    sources = sorted((ROOT / "function_app").rglob("*.py"))
    assert len(sources) > 30
    by_filter = [
        path.name for path in sources if "purge_instance_history_by" in path.read_text(encoding="utf-8")
    ]
    assert by_filter == []
    by_id = [path.name for path in sources if "purge_instance_history(" in path.read_text(encoding="utf-8")]
    assert by_id, "the purge is not where this test looks for it"
