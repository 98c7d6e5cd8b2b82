"""What one image costs, counted from a real run: requests at Azurite by kind, executions and seconds at the host.

docs/cost.md says these figures; the test fails when a change makes one larger, or the document untrue.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [pytest.mark.azurite, pytest.mark.spark, pytest.mark.timeout(300)]


def test_what_one_image_costs(whole_run):
    images = len(whole_run.runs)
    agent = {kind: number / images for kind, number in whole_run.agent_requests.items()}
    app = {kind: number / images for kind, number in whole_run.app_requests.items()}
    log = whole_run.invocation_log
    seconds = sum(float(_found(r"duration_ms=([\d.]+)", line)[0]) for line in log) / 1000

    assert agent.pop("Put Blob") == 1
    assert sum(agent.values()) * images <= 3  # once per start, however many images
    assert app == _documented("storage requests of the app")
    assert _executions(log, images) == _documented("executions")
    assert seconds / images < 5  # no sleep or timeout hides in a step; the figure itself is the machine's


def test_what_one_rejected_image_costs(whole_run):
    images = 4
    requests = {kind: number / images for kind, number in whole_run.rejected_requests.items()}
    assert requests == _documented("storage requests for a rejected image")
    assert sum(_executions(whole_run.rejected_log, images).values()) == 6


def _executions(log: list[str], images: int) -> dict[str, float]:
    """Executions per image, by function; HTTP is this test asking, a timer is of no image."""
    told = [_found(r"function=(\w+) kind=(\w+)", line) for line in log]
    ran = Counter(name for name, kind in told if kind not in ("http", "timer"))
    return {name: number / images for name, number in ran.items()}


def _found(pattern: str, line: str) -> tuple[str, ...]:
    """The groups of a pattern that every line of an invocation has."""
    match = re.search(pattern, line)
    assert match is not None, line
    return match.groups()


def _documented(what: str) -> dict[str, float]:
    """The table in docs/cost.md under a heading, as name -> number per image."""
    text = (ROOT / "docs" / "cost.md").read_text(encoding="utf-8")
    table = text.split(f"<!-- counted: {what} -->")[1].split("\n\n")[0]
    return {
        name: float(number) for name, number in re.findall(r"^\| `?([\w ]+?)`? \| ([\d.]+) \|", table, re.M)
    }
