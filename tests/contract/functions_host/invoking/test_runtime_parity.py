"""The same app through Microsoft's azure-functions-runtime and through the embedded host: identical outcomes."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.functions.meta import Datum

from functions_host.errors import HostError
from functions_host.invoking.invocation import Invoker
from functions_host.invoking.logs import InvocationLog
from functions_host.loading.app_modules import AppModules
from functions_host.loading.indexing import index_app

PARITY = Path(__file__).parent / "parity"

if importlib.util.find_spec("azure_functions_runtime") is None:
    pytest.skip("azure-functions-runtime exists for Python 3.13 and newer only", allow_module_level=True)


@pytest.fixture(scope="module")
def cases() -> Any:
    spec = importlib.util.spec_from_file_location("parity_cases", PARITY / "cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def runtime(*arguments: str) -> Any:
    command = [sys.executable, str(PARITY / "runtime_side.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def host_outcomes(cases: Any) -> list[Any]:
    modules = AppModules(PARITY, first=True)
    invoker = Invoker(None, None, InvocationLog(None, {}))
    try:
        functions = {f.name: f for f in index_app(PARITY, {"PYTHON_SCRIPT_FILE_NAME": "parity_app.py"})}
        found = []
        for case in cases.CASES:
            inputs = {name: cases.datum_of(value, Datum) for name, value in case["inputs"].items()}
            metadata = {name: cases.datum_of(value, Datum) for name, value in case["metadata"].items()}
            try:
                datum = await invoker.invoke(functions[case["function"]], inputs, metadata)
                found.append({"function": case["function"], "ok": True, "result": cases.described(datum)})
            except Exception as error:
                found.append({"function": case["function"], "ok": False, "result": repr(error)})
        return found
    finally:
        invoker.close()
        modules.close()


async def test_every_invocation_ends_as_in_the_real_worker(cases: Any) -> None:
    real = runtime("invoke", str(PARITY), "parity_app")
    ours = await host_outcomes(cases)
    assert len(ours) == len(cases.CASES)
    for expected, found in zip(real, ours, strict=True):
        assert wording_aside(found) == wording_aside(expected)


def wording_aside(outcome: dict[str, Any]) -> dict[str, Any]:
    """The host words its own refusals itself; only the kind of error must be the same."""
    if not outcome["ok"] and ("unable to encode" in outcome["result"] or "$return" in outcome["result"]):
        return {**outcome, "result": outcome["result"].partition("(")[0]}
    return outcome


_SDK_TYPE = """
from typing import *
from azurefunctions.extensions.base import InConverter, SdkType

class Place(SdkType):
    def get_sdk_type(self): return self

class Other(SdkType):
    def get_sdk_type(self): return self

class PlaceConverter(InConverter, binding="blob", trigger="blobTrigger"):
    @classmethod
    def check_input_type_annotation(cls, pytype): return issubclass(pytype, Place)
    @classmethod
    def has_implicit_output(cls): return False
    @classmethod
    def decode(cls, data, *, trigger_metadata, pytype=None): return Place()

"""
SIGNATURES = [
    "@app.route()\ndef f(req): pass",
    "@app.route()\ndef f(req, context): pass",
    "@app.route()\ndef f(req, context: func.Context): pass",
    "@app.route()\ndef f(req: func.HttpRequest) -> func.HttpResponse: pass",
    "@app.route()\ndef f(req: func.HttpRequest) -> str: pass",
    "@app.route()\ndef f(req: func.HttpRequest) -> bytes: pass",
    "@app.route()\ndef f(req: func.HttpRequest) -> 'list[str]': pass",
    "@app.route()\ndef f(req, extra): pass",
    "@app.route()\ndef f(other): pass",
    "@app.route()\ndef f(req: int): pass",
    "@app.route()\ndef f(req: str): pass",
    "@app.route()\ndef f(req: 'nowhere'): pass",
    "@app.route()\ndef f(req: 5): pass",
    "@app.route()\ndef f(req: func.Out[str]): pass",
    "@app.route()\ndef f(req, context: int): pass",
    "@app.timer_trigger(schedule='0 * * * * *', arg_name='t')\ndef f(t: func.TimerRequest): pass",
    "@app.timer_trigger(schedule='0 * * * * *', arg_name='t')\ndef f(t: func.TimerRequest) -> None: pass",
    "@app.timer_trigger(schedule='0 * * * * *', arg_name='t')\ndef f(t: func.HttpRequest): pass",
    "@app.timer_trigger(schedule='0 * * * * *', arg_name='t')\ndef f(t: str): pass",
    "@app.blob_trigger(arg_name='b', path='c/x', connection='S')\ndef f(b: func.InputStream): pass",
    "@app.blob_trigger(arg_name='b', path='c/x', connection='S')\ndef f(b: bytes): pass",
    "@app.blob_trigger(arg_name='b', path='c/x', connection='S')\ndef f(b: str): pass",
    "@app.blob_trigger(arg_name='b', path='c/x', connection='S')\ndef f(b: dict): pass",
    *(
        f"{_SDK_TYPE}{trigger}\ndef f(b: {annotation}): pass"
        for trigger in (
            "@app.blob_trigger(arg_name='b', path='c/x', connection='S')",
            "@app.timer_trigger(schedule='0 * * * * *', arg_name='b')",
            "@app.route(binding_arg_name='b', trigger_arg_name='b')",
            "@app.activity_trigger(input_name='b')",
        )
        for annotation in ("Place", "Other", "List[Place]", "Optional[Place]", "func.Out[Place]")
    ),
    f"{_SDK_TYPE}@app.blob_trigger(arg_name='b', path='c/x', connection='S')\n"
    "@app.durable_client_input(client_name='c')\nasync def f(b: Place, c): pass",
    f"{_SDK_TYPE}@app.route()\n@app.durable_client_input(client_name='c')\nasync def f(req, c: Place): pass",
    "@app.activity_trigger(input_name='x')\ndef f(x: dict) -> dict: pass",
    "@app.activity_trigger(input_name='x')\ndef f(x: 'list[int]') -> 'list[int]': pass",
    "@app.activity_trigger(input_name='x')\ndef f(x: 'int | None') -> 'str | None': pass",
    "@app.activity_trigger(input_name='x')\ndef f(x: 'dict[str, int]'): pass",
    "from typing import *\n@app.activity_trigger(input_name='x')\ndef f(x: Dict[str, int]): pass",
    "from typing import *\n@app.activity_trigger(input_name='x')\ndef f(x: Any): pass",
    "from typing import *\n@app.activity_trigger(input_name='x')\ndef f(x: Optional[int]): pass",
    "from typing import *\n@app.activity_trigger(input_name='x')\ndef f(x: Tuple[int]): pass",
    "@app.activity_trigger(input_name='y')\ndef f(x): pass",
    "@app.orchestration_trigger(context_name='context')\ndef f(context): yield 1",
    "@app.orchestration_trigger(context_name='context')\ndef f(context: df.DurableOrchestrationContext): yield 1",
    "@app.route()\n@app.durable_client_input(client_name='c')\nasync def f(req: func.HttpRequest, c): pass",
    "@app.route()\n@app.durable_client_input(client_name='c')\nasync def f(req, c: df.DurableOrchestrationClient): 1",
    "@app.route()\n@app.durable_client_input(client_name='c')\nasync def f(req): pass",
]


def test_functions_load_or_not_as_in_the_real_worker(app_folder: Callable[..., Path]) -> None:
    roots = [app_folder(source) for source in SIGNATURES]
    real = dict(zip(SIGNATURES, runtime("load", *map(str, roots)), strict=True))
    ours = {source: loads(root) for source, root in zip(SIGNATURES, roots, strict=True)}
    assert ours == real
    assert set(real.values()) == {True, False}
    assert [ours[source] for source in SIGNATURES if "b: Place" in source and "blob_trigger" in source] == [
        True,
        True,
    ]


def loads(root: Path) -> bool:
    modules = AppModules(root, first=True)
    try:
        return bool(index_app(root, {}))
    except HostError:
        return False
    finally:
        modules.close()
