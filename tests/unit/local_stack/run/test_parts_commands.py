"""The parts' own commands, with local defaults for what the user left out."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from local_stack.run import parts_commands


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were run instead of this process."""
    commands: list[list[str]] = []
    monkeypatch.setenv("PIPELINE_STATE", str(tmp_path))
    monkeypatch.setattr(os, "name", "posix")
    monkeypatch.setattr(os, "chdir", lambda _: None)
    monkeypatch.setattr(os, "execve", lambda _, command, __: commands.append(list(command)))
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: 0)
    return commands


@pytest.mark.parametrize(
    "given", [["--manifest", "mine.jsonl"], ["--truth", "mine.jsonl"], ["--truth=mine.jsonl"]]
)
def test_manifest_of_the_user_is_the_only_one(given: list[str], started: list[list[str]]) -> None:
    parts_commands.simulate(("local_agent", "simulate"), given)
    assert sum(word.startswith(("--manifest", "--truth")) for word in started[0]) == 1


def test_simulator_gets_inbox_and_manifest_of_the_local_state(
    started: list[list[str]], tmp_path: Path
) -> None:
    parts_commands.simulate(("local_agent", "simulate"), [])
    words = started[0]
    assert words[words.index("--inbox") + 1] == str(tmp_path / "device" / "inbox")
    assert Path(words[words.index("--manifest") + 1]).parent == tmp_path / "device" / "truth"
