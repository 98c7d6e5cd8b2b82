"""Workflow, Dependabot, dev container and VS Code files: they parse, and what they run exists."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
WORKFLOW = ROOT / ".github" / "workflows" / "test-and-deploy.yml"


def test_workflow_runs_the_test_command_on_every_python_and_deploys_only_after_it():
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert {"run": "python3 pipeline.py test"} in jobs["test"]["steps"]
    assert set(jobs["deploy"]["needs"]) == {"test", "infrastructure"}
    assert "refs/heads/main" in jobs["deploy"]["if"]


def test_workflow_signs_in_with_oidc_and_stores_no_secret():
    text = WORKFLOW.read_text()
    jobs = yaml.safe_load(text)["jobs"]
    assert "secrets." not in text
    assert jobs["deploy"]["permissions"] == {"contents": "read", "id-token": "write"}
    assert "federated-credential-provider github" in text
    others = [name for name, job in jobs.items() if "id-token" in job.get("permissions", {})]
    assert others == ["deploy"]


def test_guide_has_entra_trust_the_environment_that_the_deploy_job_runs_in():
    """With an environment, GitHub's token names it and no branch: a credential for the branch would not match."""
    environment = yaml.safe_load(WORKFLOW.read_text())["jobs"]["deploy"]["environment"]
    guide = (ROOT / "docs" / "deploy.md").read_text()
    assert f'"subject": "repo:<owner>/<name>:environment:{environment}"' in guide


def test_workflow_passes_on_every_parameter_so_that_none_falls_back_to_a_default():
    """A run of the workflow is a new azd environment; a network that the last deployment shut must stay shut."""
    asked = dict(re.findall(r"\$\{(\w+)(?:=(\w+))?\}", (ROOT / "infra" / "main.parameters.json").read_text()))
    given = yaml.safe_load(WORKFLOW.read_text())["jobs"]["deploy"]["env"]
    assert set(asked) <= set(given)
    for name, default in asked.items():
        if name.startswith("AZURE_") and name != "AZURE_PRINCIPAL_TYPE":
            assert given[name] == f"${{{{ vars.{name} }}}}"
        elif name != "AZURE_PRINCIPAL_TYPE":
            fallback = f" || '{default}'" if default else ""
            assert given[name] == f"${{{{ vars.{name}{fallback} }}}}"


def test_dependabot_watches_every_folder_that_has_requirements():
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    watched = {
        folder for update in updates for folder in [update.get("directory"), *update.get("directories", [])]
    }
    for path in ("requirements.txt", "local_agent/requirements.txt", "requirements/test.in"):
        folder = "/" + str(Path(path).parent).removeprefix(".")
        assert (ROOT / path).is_file()
        assert folder in watched


def test_editor_files_are_json_that_every_tool_reads():
    for name in ("extensions", "settings", "tasks", "launch"):
        json.loads((ROOT / ".vscode" / f"{name}.json").read_text())
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    json.loads("\n".join(line for line in text.splitlines() if not line.startswith("//")))


def test_editor_tasks_name_commands_that_exist():
    tasks = json.loads((ROOT / ".vscode" / "tasks.json").read_text())["tasks"]
    launches = json.loads((ROOT / ".vscode" / "launch.json").read_text())["configurations"]
    assert {launch["preLaunchTask"] for launch in launches if "preLaunchTask" in launch} <= {
        task["label"] for task in tasks
    }
    done = subprocess.run(
        [sys.executable, "pipeline.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    verbs = {word for task in tasks for word in re.findall(r"pipeline\.py (\w+)", task["command"])}
    assert {"demo", "test", "host", "package"} <= verbs
    for verb in verbs:
        assert re.search(rf"^  {verb}\b", done.stdout, re.M), verb


def test_editor_files_are_not_hidden_by_gitignore():
    files = [".vscode/tasks.json", ".vscode/launch.json", ".devcontainer/devcontainer.json", ".funcignore"]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *files], cwd=ROOT, capture_output=True, check=False
    )
    assert done.returncode in (1, 128), done.stdout  # 1: none is ignored; 128: not a git checkout
