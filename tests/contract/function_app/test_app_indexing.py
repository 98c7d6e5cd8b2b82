"""The app loads as Azure's worker loads it, and its API description says what it serves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]

_LIST = """
import importlib, json
from azure.functions import FunctionRegister
module = importlib.import_module("function_app")
registers = [name for name, value in vars(module).items() if isinstance(value, FunctionRegister)]
functions = {f.get_function_name(): [json.loads(b) for b in f.get_raw_bindings()] for f in module.app.get_functions()}
print(json.dumps({"file": module.__file__, "registers": registers, "functions": functions}))
"""


@pytest.fixture(scope="module")
def index() -> dict[str, Any]:
    """What the app registers, in a process of its own with nothing but the root at the end of its path."""
    environ = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "BLOB_TRIGGER_SOURCE")}
    code = f"import sys; sys.path.append({str(ROOT)!r})\n{_LIST}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], cwd="/", env=environ, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def trigger(bindings: list[dict[str, Any]]) -> dict[str, Any]:
    [found] = [b for b in bindings if b["type"].endswith("Trigger")]
    return found


def test_the_marker_file_is_there_and_the_package_is_what_python_imports(index):
    assert (ROOT / "function_app.py").is_file()
    assert index["file"] == str(ROOT / "function_app" / "__init__.py")


def test_app_is_the_only_register_at_the_top_of_the_package(index):
    assert index["registers"] == ["app"]


def test_every_function_has_one_trigger_and_a_name_the_host_accepts(index):
    for name, bindings in index["functions"].items():
        assert name.replace("_", "").isalnum()
        trigger(bindings)


def test_the_blob_trigger_watches_the_container_of_the_setting(index):
    binding = trigger(index["functions"]["start_on_blob"])
    assert (binding["path"], binding["connection"]) == ("%IMAGE_CONTAINER%/{name}", "IMAGE_STORAGE")
    assert binding["source"] == "LogsAndContainerScan"


def test_every_route_that_tells_or_does_anything_wants_a_key(index):
    """The dashboard's files hold no data, and a platform's probe has no key: those two tell flags only."""
    open_to_anyone = set()
    for name, bindings in index["functions"].items():
        found = trigger(bindings)
        if found["type"] == "httpTrigger" and not found["route"].startswith("dashboard"):
            if found["authLevel"].lower() == "anonymous":
                open_to_anyone.add(found["route"])
            else:
                assert found["authLevel"].lower() == "function", name
    assert open_to_anyone == {"health/ready", "health/live"}


def test_the_openapi_document_says_which_routes_want_no_key(index):
    from function_app.http_api.openapi import document

    described = {
        path.removeprefix("/"): operation
        for path, o in document()["paths"].items()
        for operation in o.values()
    }
    for path in ("health/ready", "health/live"):
        assert described[path]["security"] == []
        assert "401" not in described[path]["responses"]
    assert "security" not in described["health"]
    assert "401" in described["health"]["responses"]


def test_activities_are_those_that_the_orchestration_calls(index):
    activities = {n for n, b in index["functions"].items() if trigger(b)["type"] == "activityTrigger"}
    assert activities == {"validate_image", "score_image", "save_result", "reject_image", "fail_image"}


def test_the_openapi_document_describes_every_route_and_no_other(index):
    from function_app.http_api.openapi import document

    described = {
        (method, path.removeprefix("/"))
        for path, operations in document()["paths"].items()
        for method in operations
    }
    served = {
        (method.lower(), found["route"].replace("{*", "{"))
        for bindings in index["functions"].values()
        if (found := trigger(bindings))["type"] == "httpTrigger"
        for method in found["methods"]
    }
    assert described == {(method, route) for method, route in served if not route.startswith("dashboard")}


def test_every_schema_that_is_referred_to_is_there():
    from function_app.http_api.openapi import document

    text = json.dumps(document())
    referred = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert referred <= set(document()["components"]["schemas"])


@pytest.mark.skipif(sys.version_info < (3, 13), reason="azure-functions-runtime needs Python 3.13")
def test_azure_s_own_runtime_indexes_the_app():
    """The worker's indexing code, where this Python can run it."""
    pytest.importorskip("azure_functions_runtime", reason="azure-functions-runtime is not installed")
    code = (
        "import sys; sys.path.append(sys.argv[1])\n"
        "from azure_functions_runtime.loader import index_function_app\n"
        "print(len(index_function_app('function_app.py')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) >= 20
