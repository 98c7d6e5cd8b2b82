"""What users, operators, devices, Azure and databases rely on is what it was.

Commands with their options, exit codes, settings, functions, routes, the API's document, what it answers, names in
storage, tables, reasons, log lines, metrics, files: taken from the running code (``extractor/``) and compared with
``snapshot/``, one file for each kind. Modules may move; a name that anyone outside relies on may not change unseen.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from surface_comparison import UPDATE, difference

pytestmark = [pytest.mark.azurite, pytest.mark.timeout(300)]

KINDS = (
    "command_lines", "database", "deployment", "durable", "exit_codes", "files", "functions", "host", "http_answers",
    "logs", "openapi", "outputs", "reasons", "settings", "storage", "telemetry",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_public_surface_is_what_it_was(kind: str, snapshot: dict[str, Any], surface: dict[str, Any]) -> None:
    told = difference(kind, snapshot.get(kind, {}), surface.get(kind, {}))
    assert not told, told


def test_every_kind_that_is_extracted_is_compared(snapshot: dict[str, Any], surface: dict[str, Any]) -> None:
    assert set(surface) == set(snapshot) == set(KINDS), f"name the kind in KINDS, then run `{UPDATE}`"


def test_no_path_of_a_computer_is_in_the_snapshot(snapshot: dict[str, Any]) -> None:
    assert str(Path(__file__).resolve().parents[3]) not in str(snapshot)
    assert str(Path.home()) not in str(snapshot)


@pytest.mark.parametrize("kind", KINDS)
def test_name_that_vanishes_is_told(kind: str, snapshot: dict[str, Any]) -> None:
    less = copy.deepcopy(snapshot[kind])
    name = _remove_a_leaf(less)
    assert "  gone: " in difference(kind, snapshot[kind], less)
    assert name in difference(kind, snapshot[kind], less)


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        ({"demo": {"--images": "default 200"}, "up": {}, "more": {}}, "new: more"),
        ({"demo": {"--images": "default 1"}, "up": {}}, "changed: demo > --images: was 'default 200', is 'default 1'"),
        ({"demo": {"--pictures": "default 200"}, "up": {}}, "gone: demo > --images: 'default 200'"),
        ({"demo": {"--images": "default 200"}}, "gone: up"),
    ],
)  # fmt: skip
def test_difference_names_the_change_and_the_way_on(now: dict[str, Any], sentence: str) -> None:
    told = difference("command_lines", {"demo": {"--images": "default 200"}, "up": {}}, now)
    assert sentence in told
    assert UPDATE in told
    assert "CHANGELOG.md" in told


def test_order_of_names_says_nothing() -> None:
    assert difference("files", {"folders": ["done", "inbox"]}, {"folders": ["inbox", "done"]}) == ""


def _remove_a_leaf(value: Any) -> str:
    """Take the first leaf out, and give its name or text."""
    inner = next(iter(value.values())) if isinstance(value, dict) else None
    if isinstance(inner, dict | list) and inner:
        return _remove_a_leaf(inner)
    name = next(iter(value)) if isinstance(value, dict) else 0
    gone = value.pop(name)
    return str(gone if isinstance(value, list) else name)
