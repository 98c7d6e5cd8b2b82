"""Contract, section A: where the app is looked for, and what shadows what."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from functions_host.errors import AppLoadError
from functions_host.testing import RunningApp

AppStarter = Callable[..., RunningApp]

APP = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
@app.route()
def where(req: func.HttpRequest) -> str:
    return "{place}"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0"}))
    return tmp_path


def write(path: Path, place: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(APP.format(place=place))


def test_package_beside_the_marker_file_is_what_runs(root: Path, functions_app: AppStarter) -> None:
    (root / "function_app.py").write_text("raise RuntimeError('the marker must never run')")
    write(root / "function_app" / "__init__.py", "package")
    assert functions_app(root).get("/api/where").text == "package"


def test_package_alone_gives_no_functions_and_no_error(root: Path, functions_app: AppStarter) -> None:
    write(root / "function_app" / "__init__.py", "package")
    assert functions_app(root).application.functions == []


def test_another_script_name_needs_the_setting(root: Path, functions_app: AppStarter) -> None:
    write(root / "main_app.py", "main_app")
    assert functions_app(root).application.functions == []
    app = functions_app(root, settings={"PYTHON_SCRIPT_FILE_NAME": "main_app.py"})
    assert app.get("/api/where").text == "main_app"


@pytest.mark.parametrize("name", ["function_app/__init__.py", "function_app", "-x.py"])
def test_script_name_with_a_path_or_odd_characters_is_refused(
    root: Path, functions_app: AppStarter, name: str
) -> None:
    with pytest.raises(AppLoadError, match="PYTHON_SCRIPT_FILE_NAME"):
        functions_app(root, settings={"PYTHON_SCRIPT_FILE_NAME": name})


def test_directory_without_init_leaves_the_file_in_charge(root: Path, functions_app: AppStarter) -> None:
    write(root / "function_app.py", "file")
    (root / "function_app").mkdir()
    assert functions_app(root).get("/api/where").text == "file"


def test_local_settings_reach_the_app_unless_the_environment_has_them(
    root: Path, functions_app: AppStarter, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "function_app.py").write_text(
        "import os\n" + APP.format(place="x").replace('"x"', 'os.environ["ONE"] + os.environ["TWO"]')
    )
    (root / "local.settings.json").write_text(json.dumps({"Values": {"ONE": "file", "TWO": "file"}}))
    monkeypatch.setenv("TWO", "environment")
    assert functions_app(root).get("/api/where").text == "fileenvironment"


def test_variables_that_func_start_sets(root: Path, functions_app: AppStarter) -> None:
    names = ["AZURE_FUNCTIONS_ENVIRONMENT", "AzureWebJobsScriptRoot", "FUNCTIONS_WORKER_RUNTIME"]
    (root / "function_app.py").write_text(
        "import os\n" + APP.format(place="x").replace('"x"', f"'|'.join(os.environ[n] for n in {names})")
    )
    assert functions_app(root).get("/api/where").text == f"Development|{root}|python"


def test_module_that_is_not_from_the_root_is_refused(
    root: Path,
    tmp_path_factory: pytest.TempPathFactory,
    functions_app: AppStarter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An installed copy in the environment comes before the app's root on the worker's sys.path."""
    elsewhere = tmp_path_factory.mktemp("site-packages")
    write(root / "shadowed_app.py", "root")
    write(elsewhere / "shadowed_app.py", "elsewhere")
    monkeypatch.setattr(sys, "path", [str(elsewhere), *sys.path])
    from functions_host.loading.app_modules import AppModules
    from functions_host.loading.indexing import index_app

    modules = AppModules(root, first=False)
    try:
        with pytest.raises(AppLoadError, match="shadowed"):
            index_app(root, {"PYTHON_SCRIPT_FILE_NAME": "shadowed_app.py"})
    finally:
        modules.close()
        sys.modules.pop("shadowed_app", None)
