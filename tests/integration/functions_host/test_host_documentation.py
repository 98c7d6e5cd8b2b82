"""docs/functions-host.md does what it says: its example app and its tests are taken from the page and run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
PAGE = (REPOSITORY / "docs" / "functions-host.md").read_text(encoding="utf-8")
FILES = re.compile(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", re.DOTALL)


def test_the_pages_example_passes_as_written(tmp_path: Path) -> None:
    names = []
    for name, text in FILES.findall(PAGE):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        names.append(name)
    assert names == ["approval/function_app.py", "approval/host.json", "test_approval.py"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "functions_host.testing.plugin",
            "test_approval.py",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def test_options_on_the_page_are_the_commands_options() -> None:
    for command in ("start", "reset-receipts"):
        shown = subprocess.run(
            [sys.executable, "-m", "functions_host", command, "--help"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
        ).stdout
        documented = next(
            line for line in PAGE.splitlines() if line.startswith("python -m") and command in line
        )
        options = set(re.findall(r"--[a-z-]+", shown)) - {"--help"}
        assert options == set(re.findall(r"--[a-z-]+", documented))


def test_every_test_the_conformance_page_names_exists() -> None:
    page = (REPOSITORY / "docs" / "functions-host-conformance.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    written = {
        name
        for place in ("*/functions_host/**/*.py", "contract/recordings/*.py")
        for path in (REPOSITORY / "tests").glob(place)
        for name in re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 100
    assert named - written == set()
