"""The deployment guides name only commands, files, outputs and settings that exist, and say what was never run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from local_stack.command_line import VERBS

ROOT = Path(__file__).resolve().parents[3]
DOCS = ("deploy.md", "deploy-with-az-cli.md", "cost.md")


@pytest.fixture(params=DOCS)
def text(request) -> str:
    return (ROOT / "docs" / request.param).read_text(encoding="utf-8")


def test_commands_of_ours_exist(text):
    assert set(re.findall(r"pipeline\.py (\w[\w-]*)", text)) <= set(VERBS)
    for path in re.findall(r"python3 (infra/\S+\.py)", text):
        assert (ROOT / path).is_file(), path


def test_linked_and_named_files_exist(text):
    for link in re.findall(r"\]\((?!http)([^)#]+)", text):
        assert (ROOT / "docs" / link).exists(), link
    for path in re.findall(r"`(infra/[\w./-]+\.bicep)`", text):
        assert (ROOT / path).is_file(), path


def test_outputs_that_are_asked_for_exist(bicep):
    guide = (ROOT / "docs" / "deploy-with-az-cli.md").read_text(encoding="utf-8")
    listed = re.search(r"for name in (.*?); do", guide, re.S)
    assert listed is not None
    asked = set(re.findall(r"\$\(get (\w+)\)", guide)) | set(re.findall(r"[A-Z_]{5,}", listed.group(1)))
    assert asked <= set(bicep["main.bicep"].outputs)


def test_every_azd_and_az_command_of_the_guide_is_marked_as_never_run_or_needs_no_azure():
    guide = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    local = ("azd env ", "az login")
    for block in re.findall(r"(?:^    .*\n)+", guide, re.M):
        commands = block.replace("\\\n", "")
        for line in commands.splitlines():
            if re.match(r"    (azd|az|func|curl) ", line) and not line.strip().startswith(local):
                before = guide[: guide.index(block)].rstrip().splitlines()[-1]
                assert "never run" in line + before, line


def test_the_guide_speaks_of_settings_that_the_parameters_read():
    guide = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    parameters = (ROOT / "infra" / "main.parameters.json").read_text(encoding="utf-8")
    hooks = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "infra" / "hooks").glob("*.py"))
    for name in re.findall(r"azd env set (\w+)", guide):
        assert f"${{{name}" in parameters or f'"{name}"' in hooks, name
