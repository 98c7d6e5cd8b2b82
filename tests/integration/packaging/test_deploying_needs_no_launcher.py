"""Deploying needs none of what runs on one computer: azd's hooks and package work where all of it is deleted.

azd itself and Azure are not here: the test reads azure.yaml and runs its hooks as azd does, with an ``az`` and an ODBC
server of its own behind them (deployers_machine/). Real are the hooks, their environment, installed by hash, the
migrations, azure-identity, and the package with its requirements.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pathspec
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from function_app import app as app_of_the_checkout

ROOT = Path(__file__).resolve().parents[3]
STAND_INS = Path(__file__).with_name("deployers_machine")
DELETED = ("local_stack", "functions_host", "local_agent", "tests", "docs")
MIGRATIONS = sorted(path.name for path in (ROOT / "sql_migrations" / "mssql").glob("*.sql"))
CLIENT_ID = "11223344-5566-7788-99aa-bbccddeeff00"
OUTPUTS = {
    "AZURE_RESOURCE_GROUP": "rg-test", "FUNCTION_APP_NAME": "func-test", "FUNCTION_APP_URL": "https://func-test",
    "EVENT_GRID_TOPIC_NAME": "evgt-test", "SQL_SERVER_NAME": "sql-test", "SQL_DATABASE_NAME": "scores",
    "SQL_SERVER_HOST": "sql-test.database.windows.net", "APP_IDENTITY_NAME": "id-test",
    "APP_IDENTITY_CLIENT_ID": CLIENT_ID, "VNET_ENABLED": "false",
    "AGENT_STORAGE_ACCOUNT_URL": "https://st.blob.core.windows.net/", "AGENT_CONTAINER": "img",
}  # fmt: skip
INDEX = """
import json, sys
sys.path[:0] = sys.argv[1:]
from function_app import app
print(json.dumps(sorted(function.get_function_name() for function in app.get_functions())))
"""

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.name == "nt", reason="the hooks are run as azd runs them on Linux and macOS"),
]


@dataclass(frozen=True)
class Deployment:
    """A checkout without what is not deployed, on a machine where az is signed in."""

    root: Path
    machine: Path

    def run_hook(self, name: str) -> str:
        """Run one of azure.yaml's hooks as azd does, with the outputs of main.bicep; what it printed."""
        hook = yaml.safe_load((self.root / "azure.yaml").read_text(encoding="utf-8"))["hooks"][name]["posix"]
        inherited = {
            key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "AZURE"))
        }
        done = subprocess.run(
            [hook["shell"], "-c", hook["run"]], cwd=self.root, capture_output=True, text=True, check=False,
            env={**inherited, **OUTPUTS, "PATH": f"{self.machine}:{os.environ['PATH']}",
                 "PYTHONPATH": str(self.machine / "modules"), "DEPLOYMENT_LOG": str(self.log),
                 # az alone: the rest of DefaultAzureCredential would look for Azure's metadata service
                 "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def log(self) -> Path:
        return self.machine / "log.jsonl"

    def seen(self) -> list[dict[str, Any]]:
        """What az and the database got, in order."""
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    root = tmp_path_factory.mktemp("checkout")
    for name in _tracked():
        if name.partition("/")[0] not in DELETED:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    machine = tmp_path_factory.mktemp("machine")
    (machine / "modules").mkdir()
    shutil.copy(STAND_INS / "pyodbc.py", machine / "modules")
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    _program(machine / "python3", f'exec "{base}" "$@"')
    _program(machine / "az", f'exec "{base}" -I "{STAND_INS / "az.py"}" "$@"')
    return Deployment(root, machine)


@pytest.fixture(scope="module")
def provisioned(deployment: Deployment) -> tuple[str, list[dict[str, Any]]]:
    """The first run of the hook after provisioning: what it printed, and what az and the database saw."""
    return deployment.run_hook("postprovision"), deployment.seen()


def test_the_hook_migrates_the_database_and_makes_the_apps_user(provisioned):
    printed, seen = provisioned
    recorded = [
        entry["parameters"][0] for entry in seen if "INSERT INTO dbo.schema_history" in entry.get("sql", "")
    ]
    assert sorted(recorded) == MIGRATIONS
    users = [entry["parameters"] for entry in seen if "CREATE USER" in entry.get("sql", "")]
    assert users == [["id-test", "4433221166558877" + "99aabbccddeeff00"]]
    assert "Database migrated" in printed


def test_the_hook_signs_in_with_the_deployers_token_and_no_password(provisioned):
    connections = [entry for entry in provisioned[1] if "connect" in entry]
    assert {entry["token"] for entry in connections} == {"token-of-the-deployer"}
    assert all(
        "server=tcp:sql-test.database.windows.net,1433" in entry["connect"].lower() for entry in connections
    )
    assert not any("pwd" in entry["connect"].lower() for entry in connections)


def test_the_firewall_is_open_only_while_the_hook_works_on_the_database(provisioned):
    kinds = [
        entry["az"][3] if "az" in entry else "connect"
        for entry in provisioned[1]
        if "connect" in entry or entry.get("az", [])[:3] == ["sql", "server", "firewall-rule"]
    ]
    assert kinds[:2] == ["connect", "create"]
    assert kinds[-1] == "delete"
    assert set(kinds[2:-1]) == {"connect"}


def test_the_hooks_environment_has_what_is_locked_and_is_made_once(deployment, provisioned):
    python = deployment.root / "infra" / ".venv" / "bin" / "python"
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format", "json"], capture_output=True, text=True, check=True
    )
    installed = {(canonicalize_name(entry["name"]), entry["version"]) for entry in json.loads(listed.stdout)}
    lock = (ROOT / "infra" / "requirements.txt").read_text(encoding="utf-8")
    locked = {re.sub(r"\[[^\]]*\]", "", line.split(" ")[0]) for line in lock.splitlines() if "==" in line}
    assert {
        f"{name}=={version}" for name, version in installed if name not in ("pip", "setuptools")
    } <= locked
    assert {"azure-identity", "pyodbc"} <= {name for name, _ in installed}
    again = deployment.run_hook("postprovision")
    assert "Creating an environment" in provisioned[0]
    assert "Creating an environment" not in again
    assert "applied now: none" in again


def test_the_hook_after_the_deployment_subscribes_the_trigger(deployment):
    printed = deployment.run_hook("postdeploy")
    (created,) = [
        entry["az"]
        for entry in deployment.seen()
        if entry.get("az", [])[:3] == ["deployment", "group", "create"]
    ]
    assert {"functionAppName=func-test", "topicName=evgt-test", "imageContainer=img"} <= set(created)
    assert "AGENT_STORAGE_ACCOUNT_URL=https://st.blob" in printed


def test_azds_package_has_every_function_with_its_own_requirements_alone(deployment, tmp_path):
    service = yaml.safe_load((deployment.root / "azure.yaml").read_text(encoding="utf-8"))["services"][
        "scoring"
    ]
    project = deployment.root / service["project"]
    package = tmp_path / "package"
    ignored = pathspec.GitIgnoreSpec.from_lines(
        (project / ".funcignore").read_text(encoding="utf-8").splitlines()
    )
    for name in ignored.match_tree_files(project, negate=True):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(project / name, package / name)
    packages = tmp_path / "site-packages"
    _link_distributions((package / "requirements.txt").read_text(encoding="utf-8"), packages)
    done = subprocess.run(
        # -I and -S: neither the environment that runs the tests nor the user's own packages
        [sys.executable, "-I", "-S", "-c", INDEX, str(package), str(packages)], cwd=package, capture_output=True,
        text=True, check=False,
        env={"IMAGE_CONTAINER": "img", "TASKHUB_NAME": "t", "IMAGE_STORAGE__blobServiceUri": "https://st"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == sorted(function.get_function_name() for function in app_of_the_checkout.get_functions())
    assert {path.name for path in package.iterdir()} == {
        "database_connection",
        "function_app",
        "function_app.py",
        "host.json",
        "requirements.txt",
    }


def _tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout: which files are the project's cannot be told")
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def _program(path: Path, line: str) -> None:
    path.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
    path.chmod(0o755)


def _link_distributions(requirements: str, folder: Path) -> None:
    """Links to the files of what is required, of what that requires, and of nothing else that is installed here."""
    wanted = [Requirement(line) for line in requirements.splitlines() if line and not line.startswith("#")]
    seen: set[str] = set()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        distribution = importlib.metadata.distribution(requirement.name)
        wanted += [Requirement(line) for line in distribution.requires or ()]
        for file in distribution.files or ():
            source = Path(str(distribution.locate_file(file)))
            if not {"..", "__pycache__"} & set(file.parts) and source.is_file():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                (folder / file).symlink_to(source)
