"""``pipeline.py faults``: breaks the pipeline in every known way and sums up what was lost, doubled or wrong."""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from local_stack import node_runtime
from local_stack.state_folder import PROJECT_ROOT
from local_stack.steps import say

COUNTED = ("lost", "duplicate", "wrong", "stuck")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 if every fault test passed and all four counts are zero, else 1."""
    scale = "full" if arguments.full else "quick"
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1_000_000)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        lines = Path(folder) / "report.jsonl"
        environment = {
            **os.environ,
            "FAULTS_SCALE": scale,
            "FAULTS_SEED": str(seed),
            "FAULTS_REPORT": str(lines),
            # Tests may name another Node and Azurite; what is installed here is the default.
            "NODE": os.environ.get("NODE") or node_runtime.node().executable,
            "AZURITE_JS": os.environ.get("AZURITE_JS") or str(node_runtime.AZURITE_SCRIPT),
        }
        started = time.monotonic()
        command = [sys.executable, "-m", "pytest", "tests/faults", "-q", *arguments.pytest_arguments]
        code = subprocess.call(command, cwd=PROJECT_ROOT, env=environment)
        summary = summed(lines, scale, seed, time.monotonic() - started)
    summary["passed"] = code == 0
    text = json.dumps(summary, indent=1)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n", encoding="utf-8")
    counts = " · ".join(f"{name} {summary[name]}" for name in COUNTED)
    say(f"\n{counts} · seed {seed} · {summary['faults']} faults in {summary['seconds']:.0f} s")
    return 0 if code == 0 and not any(summary[name] for name in COUNTED) else 1


def summed(report: Path, scale: str, seed: int, seconds: float) -> dict[str, Any]:
    """The four counts over all faults, the longest drain, and each fault's own figures."""
    text = report.read_text(encoding="utf-8") if report.exists() else ""
    each = [json.loads(line) for line in text.splitlines()]
    return {
        "scale": scale,
        "seed": seed,
        "seconds": round(seconds, 1),
        "faults": len(each),
        "images": sum(figures["images"] for figures in each),
        **{name: sum(figures[name] for figures in each) for name in COUNTED},
        "longest_drain_seconds": max((figures["drain_seconds"] or 0 for figures in each), default=0),
        "each": each,
    }
