"""The host can be installed by itself: its own pyproject.toml names all it imports, and nothing else."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import functions_host

FOLDER = Path(functions_host.__file__).parent
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DISTRIBUTIONS = {
    "aiohttp": "aiohttp",
    "azure.core": "azure-identity",  # comes with it
    "azure.durable_functions": "azure-functions-durable",
    "azure.functions": "azure-functions",
    "azure.identity": "azure-identity",
    "azure.storage": "azure-storage-queue",
    "croniter": "croniter",
    "multidict": "aiohttp",
    "pytest": "pytest",  # the plugin's own reader has it
    "yarl": "aiohttp",
}


def imported() -> set[str]:
    names: set[str] = set()
    for path in FOLDER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module)
    return {
        name for name in names if name.partition(".")[0] not in sys.stdlib_module_names | {"functions_host"}
    }


def distribution(module: str) -> str:
    return next(found for name, found in DISTRIBUTIONS.items() if f"{module}.".startswith(f"{name}."))


def test_dependencies_are_what_the_host_imports() -> None:
    declared = {text.replace("<", ">").partition(">")[0] for text in PROJECT["dependencies"]}
    # The durable SDK is imported by the apps, and by name where the engine makes it quicker.
    assert {distribution(name) for name in imported()} | {"azure-functions-durable"} == declared | {"pytest"}


def test_its_command_and_its_pytest_plugin_exist() -> None:
    from functions_host.__main__ import run
    from functions_host.testing import plugin

    assert PROJECT["scripts"] == {"functions-host": f"{run.__module__}:{run.__name__}"}
    assert PROJECT["entry-points"]["pytest11"] == {"functions_host": plugin.__name__}
