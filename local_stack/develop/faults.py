"""``pipeline.py faults``: breaks the pipeline in every known way and sums up what was lost, doubled or wrong.

The tests are sorted into lanes; each lane is a pytest process with a pipeline of its own, and lanes run side by
side, so that a fault which merely waits (an outage of ten minutes) holds up no other.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_stack.errors import FAILED, StackError
from local_stack.install import runtimes
from local_stack.processes import ChildProcess
from local_stack.state_folder import PROJECT_ROOT
from local_stack.terminal import say

COUNTED = ("lost", "duplicate", "wrong", "stuck")
# In the order in which they start: the longest first. The tests say which lane they belong to.
LANES = {
    "quick": ("pipeline", "outages", "apart"),
    "full": ("kills", "outages", "endurance", "pipeline", "machine", "apart"),
}
_AT_ONCE = {"quick": 3, "full": 4}
_LOOK_SECONDS = 0.5
_NO_TEST_CHOSEN = 5  # pytest's exit code


@dataclass
class Summary:
    """The figures of a run, written anew after each fault: a run that is cut short shows what was done."""

    scale: str
    seed: int
    command: str
    started: float = field(default_factory=time.monotonic)
    each: list[dict[str, Any]] = field(default_factory=list)
    lanes: dict[str, int | None] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The four counts over all faults, the longest drain, and each fault's own figures."""
        ended = {name: code for name, code in self.lanes.items() if code is not None}
        return {
            "scale": self.scale,
            "seed": self.seed,
            "command": self.command,
            "seconds": round(time.monotonic() - self.started, 1),
            "complete": len(ended) == len(LANES[self.scale]),
            "passed": len(ended) == len(self.lanes) and not _failed(ended),
            "faults": len(self.each),
            "images": sum(figures["images"] for figures in self.each),
            **{name: sum(figures[name] for figures in self.each) for name in COUNTED},
            "longest_drain_seconds": max((figures["drain_seconds"] or 0 for figures in self.each), default=0),
            "lanes": self.lanes,
            "each": self.each,
        }

    def write(self, path: Path | None) -> None:
        """Replace the file, so that a reader never sees half of it."""
        if path is None:
            return
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps(self.as_json(), indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 if every fault test passed and all four counts are zero, else 1."""
    scale = "full" if arguments.full else "quick"
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1_000_000)
    words = list(arguments.pytest_arguments)
    lanes = _chosen(scale, arguments.lane or ())
    only = "".join(f" --lane {name}" for name in arguments.lane or ())
    command = f"pipeline.py faults --{scale} --seed {seed}{only}{' -- ' if words else ''}{' '.join(words)}"
    summary = Summary(scale, seed, command, lanes=dict.fromkeys(lanes))
    say(f"  Faults, {scale}, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        _run_lanes(summary, Path(folder), words, arguments.json)
    summary.write(arguments.json)
    told = summary.as_json()
    counts = " · ".join(f"{name} {told[name]}" for name in COUNTED)
    say(f"\n{counts} · seed {seed} · {told['faults']} faults in {told['seconds']:.0f} s")
    return 0 if told["passed"] and not any(told[name] for name in COUNTED) else 1


def _chosen(scale: str, names: Sequence[str]) -> list[str]:
    """The lanes to run, in their order; all unless some are named. Raises StackError for one that is none."""
    unknown = set(names) - set(LANES[scale])
    if unknown:
        raise StackError(
            f"There is no lane {', '.join(sorted(unknown))} at this scale.",
            f"the lanes: {', '.join(LANES[scale])}",
        )
    return [name for name in LANES[scale] if name in names or not names]


def _run_lanes(summary: Summary, folder: Path, words: list[str], json_file: Path | None) -> None:
    """Every lane to its end; raises StackError if no lane holds a test of that name."""
    report = folder / "report.jsonl"
    waiting = list(summary.lanes)
    running: dict[str, ChildProcess] = {}
    seen = 0
    try:
        while waiting or running:
            while waiting and len(running) < _AT_ONCE[summary.scale]:
                name = waiting.pop(0)
                running[name] = _lane(name, summary, folder, report, words)
                running[name].start()
            time.sleep(_LOOK_SECONDS)
            ended = [name for name, child in running.items() if child.exit_code() is not None]
            summary.each = _lines(report)
            for name in ended:
                child = running.pop(name)
                summary.lanes[name] = child.exit_code()
                _say_ended(name, child)
            for figures in summary.each[seen:]:
                say(_told(figures))
            if len(summary.each) > seen or ended:
                summary.write(json_file)
            seen = len(summary.each)
    finally:
        for child in running.values():
            child.stop()
    if set(summary.lanes.values()) == {_NO_TEST_CHOSEN}:
        raise StackError("No fault test has that name.", "see tests/faults", exit_code=FAILED)


def _lane(name: str, summary: Summary, folder: Path, report: Path, words: list[str]) -> ChildProcess:
    environment = {
        **os.environ,
        "FAULTS_SCALE": summary.scale,
        "FAULTS_SEED": str(summary.seed),
        "FAULTS_REPORT": str(report),
        "FAULTS_LANE": name,
        # Tests may name another Node and Azurite; what is installed here is the default.
        "NODE": os.environ.get("NODE") or runtimes.node().executable,
        "AZURITE_JS": os.environ.get("AZURITE_JS") or str(runtimes.AZURITE_SCRIPT),
    }
    command = [sys.executable, "-m", "pytest", "tests/faults", "-q", "-p", "no:cacheprovider", *words]
    return ChildProcess(f"Lane {name}", command, environment, folder / f"{name}.log", PROJECT_ROOT)


def _say_ended(name: str, child: ChildProcess) -> None:
    """Its last line if all is well, else everything it said."""
    said = child.log.read_text(encoding="utf-8", errors="replace").strip()
    code = child.exit_code()
    if code in (0, _NO_TEST_CHOSEN):
        say(f"  ✓ lane {name}: {said.splitlines()[-1].strip('= ') if said else ''}")
    else:
        say(f"  ✗ lane {name} ended with {code}:\n{said}")


def _told(figures: dict[str, Any]) -> str:
    counts = [figures[name] for name in COUNTED]
    name = figures["fault"].removeprefix("test_")
    wrong = (
        ""
        if not any(counts)
        else " · " + " · ".join(f"{n} {c}" for n, c in zip(COUNTED, counts, strict=True))
    )
    return f"  {'✗' if any(counts) else '✓'} {name}: {figures['images']} images{wrong} ({figures['seconds']:.1f} s)"


def _failed(lanes: dict[str, int]) -> bool:
    return bool(set(lanes.values()) - {0, _NO_TEST_CHOSEN})


def _lines(report: Path) -> list[dict[str, Any]]:
    text = report.read_text(encoding="utf-8") if report.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
