"""What the project's habits rest on: locks that fit, one version, hooks and templates that name what exists."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from local_stack.develop.checks import CHECKS

ROOT = Path(__file__).resolve().parents[3]
WORKFLOW = ROOT / ".github" / "workflows" / "test-and-deploy.yml"
LOCKED = ("requirements", "requirements.txt", "local_agent/requirements.txt", "infra/requirements.in",
          "infra/requirements.txt")  # fmt: skip


def renew(root: Path, *words: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-S", "-I", root / "requirements" / "renew.py", *words], capture_output=True, text=True,
        check=False, env={"PATH": str(root) if path is None else path},
    )  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The requirement files and nothing else."""
    for name in LOCKED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copied = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copied(ROOT / name, tmp_path / name)
    return tmp_path


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_every_lock_has_what_is_asked_for() -> None:
    done = renew(ROOT, "--check")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("requirements/test.in", "\nruff==", "\nruff==99.", "test.lock does not have ruff==99."),
        ("requirements.txt", "\npyodbc==", "\npyodbc==99.", "stack.lock does not have pyodbc==99."),
        ("requirements/test.in", "\nsqlfluff==", "\n# ", "test.lock has sqlfluff, which"),
        ("infra/requirements.in", "pyodbc", "# ", "infra/requirements.txt has pyodbc, which"),
        ("requirements/app.lock", "\nazure-core==", "\nazure-core==0.", "app.lock has azure-core==0."),
        ("requirements/node.lock", "--hash=sha256:", "--hash=md5:", "node.lock has no hash"),
        ("requirements/java.lock", "    # via", "    # from https://somewhere.example", "holds an address"),
    ],
)
def test_a_lock_that_no_longer_fits_is_named(copy: Path, file: str, old: str, new: str, said: str) -> None:
    change(copy / file, old, new)
    if said.endswith("no hash"):  # every hash of the entry
        (copy / file).write_text((copy / file).read_text().replace(old, new))
    done = renew(copy, "--check")
    assert done.returncode == 1
    assert said in done.stdout
    assert "Remedy: python3 requirements/renew.py" in done.stdout


def test_renewing_explains_itself_and_what_it_needs(copy: Path) -> None:
    helped = renew(copy, "--help")
    assert helped.returncode == 0
    assert "--check" in helped.stdout
    without_uv = renew(copy, path=str(copy))
    assert without_uv.returncode == 2
    assert "pip install uv" in without_uv.stderr


def test_the_version_is_the_same_wherever_it_is_written() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    azure = yaml.safe_load((ROOT / "azure.yaml").read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert azure["metadata"]["template"] == f"image-scoring-pipeline@{version}"


def test_every_action_is_pinned_by_commit_with_its_version_beside_it() -> None:
    used = re.findall(r"uses: (\S+)(.*)", WORKFLOW.read_text(encoding="utf-8"))
    assert len(used) >= 8
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    pins = {action for action, _ in used}
    assert len(pins) == len({action.partition("@")[0] for action in pins}), "one commit for each action"


def test_the_workflow_brings_the_driver_that_the_hooks_migrate_with() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    commands = [step["run"].strip() for step in jobs["deploy"]["steps"] if "run" in step]
    assert [index for index, command in enumerate(commands) if "msodbcsql18" in command] == [0]
    assert commands[-1].startswith("azd up")


def test_coverage_is_a_report_that_nothing_waits_for() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]
    assert not [name for name, job in jobs.items() if "coverage" in job.get("needs", [])]
    commands = [step["run"] for step in jobs["coverage"]["steps"] if "run" in step]
    assert set(re.findall(r"--only (\S+)", commands[0])) == {"unit", "contract"}
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]
    assert "fail_under" not in settings["report"]
    assert all((ROOT / folder).is_dir() for folder in settings["run"]["source"])
    assert not any("--cov" in word for check in CHECKS for word in check.words)


def test_hooks_before_a_commit_run_checks_that_exist_in_the_projects_own_environment() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    hooks = {hook["id"]: hook["entry"] for hook in config["repos"][0]["hooks"]}
    assert {"lint", "format", "types"} <= set(hooks)
    for entry in hooks.values():
        program, script, *words = entry.split()
        assert program == "python3"
        assert (ROOT / script).is_file()
        named = [word for flag, word in pairwise(words) if flag == "--only"]
        assert set(named) <= {check.name for check in CHECKS}
        assert named or script == "requirements/renew.py"


def test_dependabot_watches_exactly_the_folders_with_a_package_json() -> None:
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text(encoding="utf-8"))["updates"]
    npm = [update for update in updates if update["package-ecosystem"] == "npm"]
    watched = {
        folder.strip("/") for update in npm for folder in update.get("directories", [update.get("directory")])
    }
    found = {str(Path(name).parent) for name in _tracked() if Path(name).name == "package.json"}
    assert {folder or "." for folder in watched} == found


def test_templates_are_complete_and_what_they_link_to_exists() -> None:
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if path.name != "config.yml":
            assert {"name", "description", "body"} <= set(form), path.name
            assert all(block["attributes"]["label"] for block in form["body"])
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!http)([^)#]+)", text)
    assert links
    assert not [link for link in links if not (ROOT / link).is_file()]


def test_files_are_as_the_editors_are_told_to_write_them() -> None:
    """UTF-8, LF, a newline at the end, no blanks before one."""
    odd = [name for name in _tracked() if _is_text(name) and not _is_tidy(ROOT / name)]
    assert not odd


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: which files are the project's cannot be told")
    return [name for name in listed.stdout.split("\0") if name]


def _is_text(name: str) -> bool:
    kinds = (
        ".py",
        ".md",
        ".toml",
        ".yml",
        ".yaml",
        ".json",
        ".bicep",
        ".sql",
        ".js",
        ".css",
        ".html",
        ".in",
        ".lock",
    )
    return name.endswith(kinds) and "/recordings/" not in name and (ROOT / name).is_file()


def _is_tidy(file: Path) -> bool:
    content = file.read_bytes()
    content.decode("utf-8")
    return b"\r" not in content and content[-1:] in (b"\n", b"") and not re.search(rb"[ \t]+$", content, re.M)


def test_what_the_editor_starts_exists() -> None:
    launches = json.loads((ROOT / ".vscode" / "launch.json").read_text(encoding="utf-8"))["configurations"]
    modules = {launch["module"]: launch["args"] for launch in launches if "module" in launch}
    programs = {launch["program"]: launch["args"] for launch in launches if "program" in launch}
    assert modules
    assert programs
    for module, words in modules.items():
        _takes([sys.executable, "-m", module], words)
    for program, words in programs.items():
        _takes([sys.executable, program.replace("${workspaceFolder}", str(ROOT))], words)


def _takes(command: list[str], words: list[str]) -> None:
    """Does the program's help for its verb name every option that the editor gives?"""
    shown = subprocess.run(
        [*command, words[0], "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {word for word in words if word.startswith("--")} <= set(re.findall(r"--[\w-]+", shown.stdout))
