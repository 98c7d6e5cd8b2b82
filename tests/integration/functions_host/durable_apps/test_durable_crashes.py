"""kill -9 after every single commit of the engine: nothing lost, nothing stuck (docs/engine.md)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

LOOP = Path(__file__).with_name("crash_loop.py")
SCENARIOS = (
    "chaining",
    "fan-out",
    "monitor",
    "approval",
    "timeout",
    "eternal",
    "sub-orchestrations",
    "retries",
    "suspended",
)


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="the crash loop forks")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_run_killed_at_any_commit_ends_as_if_nothing_had_happened(scenario: str) -> None:
    loop = subprocess.run(
        [sys.executable, str(LOOP), scenario], capture_output=True, text=True, timeout=110, check=False
    )
    assert loop.returncode == 0, loop.stderr[-3000:]
    found = json.loads(loop.stdout)
    assert found["commits"] >= 5
    # Before and after each commit; two runs may group their commits a little differently.
    assert found["crashes"] > found["commits"]
