"""Find the app's functions as the Python worker does (contract A and E).

The file named by PYTHON_SCRIPT_FILE_NAME (default function_app.py) must exist; then the module of that
name is imported with the app's root on sys.path, and must hold exactly one function app.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from azure.functions import FunctionRegister

from functions_host.errors import AppLoadError, StartRefusedError
from functions_host.loading.app_settings import find
from functions_host.loading.functions import Binding, LoadedFunction
from functions_host.loading.signatures import check_signature
from functions_host.loading.supported import check_name, only_trigger

_SCRIPT_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_\-]*\.py")


def script_name(settings: Mapping[str, str]) -> str:
    """File the worker looks for in the app's root; raises AppLoadError for a name it would refuse."""
    name = find(settings, "PYTHON_SCRIPT_FILE_NAME") or "function_app.py"
    if not _SCRIPT_NAME.fullmatch(name):
        raise AppLoadError(f"PYTHON_SCRIPT_FILE_NAME {name!r} is not a file name such as function_app.py")
    return name


def index_app(root: Path, settings: Mapping[str, str]) -> list[LoadedFunction]:
    """Import the app at `root` (already on sys.path) and check its functions, in order of declaration.

    No script file: no functions and no error, as with the worker. Raises AppLoadError and StartRefusedError.
    """
    script = script_name(settings)
    if not (root / script).exists():
        return []
    module = _import(script.removesuffix(".py"))
    _check_origin(module, root)
    loaded: list[LoadedFunction] = []
    for declared in _functions_of(_only_app(module, script)):
        function = load_function(declared)
        check_name(function.name, [other.name for other in loaded])
        loaded.append(function)
    return loaded


def load_function(declared: Any) -> LoadedFunction:
    """One function of `app.get_functions()` as plain data; raises StartRefusedError."""
    name = str(declared.get_function_name())
    call = declared.get_user_function()
    bindings = tuple(_binding(json.loads(raw)) for raw in declared.get_raw_bindings())
    trigger = only_trigger(name, bindings)
    if declared.get_settings_dict("retry_policy"):
        raise StartRefusedError(name, "retry policies (@app.retry) are not supported by the embedded host")
    signature = check_signature(name, call, bindings)
    return LoadedFunction(
        name=name,
        call=call,
        directory=str(Path(inspect.getfile(call)).parent),
        is_async=inspect.iscoroutinefunction(call),
        wants_context=signature.wants_context,
        trigger=trigger,
        bindings=bindings,
        inputs=signature.inputs,
        outputs=signature.outputs,
        returns=signature.returns,
    )


def _binding(raw: dict[str, Any]) -> Binding:
    name, kind = str(raw.pop("name")), str(raw.pop("type"))
    direction = str(raw.pop("direction", "IN")).upper()
    if direction == "INOUT":
        raise StartRefusedError(name, '"inout" bindings are not supported')
    return Binding(name, kind, direction == "OUT", raw)


def _import(module_name: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except Exception as error:
        raise AppLoadError(f"importing {module_name} failed: {type(error).__name__}: {error}") from error


def _check_origin(module: ModuleType, root: Path) -> None:
    """An installed package of the same name would shadow the working tree (contract A, hazard)."""
    origin = Path(module.__file__ or "").resolve()
    if not origin.is_relative_to(root.resolve()):
        raise AppLoadError(
            f"{module.__name__} was imported from {origin}, not from {root}: a package of that name hides the app"
        )


def _only_app(module: ModuleType, script: str) -> FunctionRegister:
    apps = [value for name in dir(module) if isinstance(value := getattr(module, name), FunctionRegister)]
    if len(apps) != 1:
        found = f"{len(apps)} function apps" if apps else "no function app"
        raise AppLoadError(f"{script} has {found} at module level; it needs exactly one")
    return apps[0]


def _functions_of(app: FunctionRegister) -> list[Any]:
    try:
        return list(app.get_functions())
    except Exception as error:
        raise AppLoadError(f"the app's functions cannot be built: {error}") from error
