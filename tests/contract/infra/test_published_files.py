"""What would be published from this checkout: the function app, and nothing that is not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pathspec

from local_stack.develop.funcignore import published_files

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("function_app/", "database_connection/")
AT_THE_ROOT = {"function_app.py", "host.json", "requirements.txt"}


def test_only_the_function_app_is_published():
    published = set(published_files(ROOT))
    others = {name for name in published - AT_THE_ROOT if not name.startswith(PACKAGES)}
    assert published >= AT_THE_ROOT
    assert not others


def test_the_whole_function_app_is_published():
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= set(published_files(ROOT))


def test_the_dashboard_is_published_with_its_modules_and_without_what_checks_them():
    """Nothing is built on the way to Azure, so what is published is what runs, and nothing beside it."""
    published = [name for name in published_files(ROOT) if name.startswith("function_app/dashboard/")]
    assert {Path(name).suffix for name in published} == {".py", ".html", ".css", ".js"}
    assert "function_app/dashboard/modules/app.js" in published
    everything = " ".join(published_files(ROOT))
    for tool in ("node_modules", "package.json", "tsconfig", "biome", ".test.js"):
        assert tool not in everything, tool


def test_azd_which_reads_funcignore_as_git_does_publishes_the_same_files():
    rules = pathspec.GitIgnoreSpec.from_lines((ROOT / ".funcignore").read_text().splitlines())
    by_core_tools = set(published_files(ROOT))
    by_git = {path for path in _checkout() if not rules.match_file(path)}
    assert by_git == by_core_tools


def _checkout() -> list[str]:
    skipped = {".git", ".venv", ".local", "__pycache__", "node_modules"}
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in skipped]
        found += [(Path(folder) / name).relative_to(ROOT).as_posix() for name in files]
    return found


def test_host_dts_json_differs_from_host_json_in_the_storage_provider_alone():
    host, overlay = (json.loads((ROOT / name).read_text()) for name in ("host.json", "host.dts.json"))
    provider = overlay["extensions"]["durableTask"]["storageProvider"]
    assert provider == {
        "type": "azureManaged",
        "connectionStringName": "DURABLE_TASK_SCHEDULER_CONNECTION_STRING",
    }
    overlay["extensions"]["durableTask"]["storageProvider"] = host["extensions"]["durableTask"][
        "storageProvider"
    ]
    assert overlay == host
