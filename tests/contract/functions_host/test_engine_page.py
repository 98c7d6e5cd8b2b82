"""docs/engine.md, whose picture names modules by paths that nothing else checks."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_modules_in_the_engines_picture_exist() -> None:
    page = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")
    picture = page.partition("```mermaid")[2].partition("```")[0]
    named = re.findall(r"[\w/]+\.py", picture)
    assert len(named) > 5
    assert [name for name in named if not (ROOT / "functions_host" / "durable" / name).is_file()] == []
