"""``pipeline.py doctor --cloud`` as a user runs it, with an ``az`` on PATH that answers from a file."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.local_stack.operate.cloud_doctor.conftest import ANSWERS, APP, STORAGE

ROOT = Path(__file__).resolve().parents[3]
AZ = """#!{python} -IS
import json, sys
words = sys.argv[1:]
if words[:2] == ["account", "show"]:
    print(json.dumps({{"id": "00000000-0000-0000-0000-000000000000"}}))
    sys.exit()
assert words[0] == "rest", words
path = words[words.index("--url") + 1].removeprefix("https://management.azure.com").partition("?")[0]
answer = json.load(open({answers!r})).get(path)
if answer is None:
    sys.exit('ERROR: Forbidden({{"error":{{"code":"AuthorizationFailed","message":"no"}}}})')
print(json.dumps(answer))
"""

Doctor = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def answers() -> dict[str, Any]:
    """A healthy deployment whose app nobody can reach from here: port 1 of this computer refuses at once."""
    told = copy.deepcopy(ANSWERS)
    told[APP]["properties"]["defaultHostName"] = "127.0.0.1:1"
    return told


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    def run(answers: dict[str, Any] | None, *words: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        if answers is not None:
            (tmp_path / "answers.json").write_text(json.dumps(answers))
            script = AZ.format(python=sys.executable, answers=str(tmp_path / "answers.json"))
            (folder / "az").write_text(script)
            (folder / "az").chmod(0o755)
        return subprocess.run(
            [sys.executable, "pipeline.py", "doctor", "--cloud", "--resource-group", "rg-test", *words],
            cwd=ROOT, env={**os.environ, "PATH": str(folder)}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for az is a script with a first line")
def test_findings_come_with_their_remedies_and_exit_code_1(doctor, answers):
    answers[f"{STORAGE}/providers/Microsoft.Authorization/roleAssignments"]["value"].clear()
    finished = doctor(answers, "--json")
    found = {finding["check"]: finding for finding in json.loads(finished.stdout)}
    assert finished.returncode == 1
    assert {name for name, finding in found.items() if finding["level"] == "problem"} == {"roles", "driver"}
    assert "az role assignment create" in found["roles"]["remedy"]
    assert "did not answer" in found["driver"]["finding"]


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for az is a script with a first line")
def test_what_a_reader_may_not_see_is_a_sentence(doctor, answers):
    del answers[f"{APP}/config/appsettings/list"]
    finished = doctor(answers)
    assert finished.returncode == 2
    assert "AuthorizationFailed" in finished.stderr
    assert "Contributor" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_without_az_it_says_where_to_get_it(doctor):
    finished = doctor(None)
    assert finished.returncode == 2
    assert "aka.ms/azure-cli" in finished.stderr
