"""What the README tells a newcomer to type works as it is written there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from local_stack.command_line import VERBS

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"python3 pipeline\.py ([a-z-]+)((?: --?[a-z]+(?: \w+)?)*)", README)
Pipeline = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


def test_the_readme_opens_with_the_two_commands() -> None:
    block = re.search(r"```console\n(.*?)```", README, re.DOTALL)
    assert block is not None
    typed = re.findall(r"^\$ python3 pipeline\.py (\S+)", block.group(1), re.MULTILINE)
    assert typed == ["demo", "test"]


def test_the_main_job_as_written(pipeline: Pipeline) -> None:
    finished = pipeline("demo")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    promised = re.search(r"Reconciled: 200 made.*", README)
    assert promised is not None
    assert promised.group(0) in finished.stdout


def test_the_test_command_as_written_knows_its_checks(pipeline: Pipeline) -> None:
    """This very test is part of ``pipeline.py test``; running it inside itself would never end."""
    finished = pipeline("test", "--list")
    assert finished.returncode == 0
    assert {"unit", "contract", "integration", "e2e"} <= set(finished.stdout.split())


@pytest.mark.parametrize(("verb", "options"), sorted({(verb, options) for verb, options in COMMANDS}))
def test_every_command_and_option_in_the_readme_exists(pipeline: Pipeline, verb: str, options: str) -> None:
    assert verb in VERBS
    told = pipeline(verb, "--help")
    assert told.returncode == 0, told.stderr
    for option in re.findall(r"--[a-z-]+", options):
        assert option in told.stdout


def test_every_document_that_the_readme_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_doctor_finds_no_problem_where_the_tests_run(pipeline: Pipeline) -> None:
    finished = pipeline("doctor")
    assert finished.returncode == 0, finished.stdout
    assert "✗" not in finished.stdout
