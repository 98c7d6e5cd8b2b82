"""Run in a process of its own: Microsoft's azure-functions-runtime over the same app (one app per process).

`runtime_side.py invoke ROOT MODULE` prints the outcome of every case, `runtime_side.py load ROOT...` prints for
each folder whether its function_app.py loads. The runtime wants a `protos` module; three constants are enough.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from azure_functions_runtime import handle_event, loader, native_invocation
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.functions import Registry
from azure_functions_runtime.utils.threadpool import start_threadpool_executor
from azurefunctions.extensions.base import get_binding_registry
from cases import CASES, datum_of, described

PROTOS = SimpleNamespace(BindingInfo=SimpleNamespace(out=1, inout=2, undefined=None))


async def outcomes(root: str, module: str) -> list[Any]:
    sys.path.append(root)
    for function in loader.index_function_app(f"{root}/{module}.py"):
        handle_event._functions.add_indexed_function(function, PROTOS)
    start_threadpool_executor()
    return [await outcome(case) for case in CASES]


async def outcome(case: dict[str, Any]) -> Any:
    name = case["function"]
    inputs = [(key, datum_of(value, Datum)) for key, value in case["inputs"].items()]
    metadata = {key: datum_of(value, Datum) for key, value in case["metadata"].items()}
    function_id = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
    if name == "place":  # the other way to call, which references go by
        return await through_protocol(name, function_id, inputs, metadata)
    ok, datum, outputs, error, _ = await native_invocation.invocation_request_native(
        "id", function_id, inputs, metadata
    )
    if outputs:  # an HTTP response that came through a func.Out instead of being returned
        _, datum = outputs[0]
    return {"function": name, "ok": ok, "result": described(datum) if ok else error}


class Message:
    """As much of a protocol message as the runtime reads: fields, and which one of a group is set."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def WhichOneof(self, group: str) -> str:
        """The one field, whatever the group is called."""
        return next(name for name in self.__dict__ if name != "name")


class Result(Message):
    Success, Failure = "success", "failure"


async def through_protocol(name: str, function_id: str, inputs: Any, metadata: Any) -> Any:
    """Call a function as the worker does with messages; what it raised."""
    handle_event.protos = SimpleNamespace(InvocationResponse=Message, StatusResult=Result)
    handle_event.serialize_exception = lambda error, _: error
    request = Message(
        function_id=function_id,
        invocation_id="id",
        input_data=[Message(name=key, data=Message(**{datum.type: datum.value})) for key, datum in inputs],
        trigger_metadata={key: Message(**{datum.type: datum.value}) for key, datum in metadata.items()},
        trace_context=Message(trace_parent="", trace_state="", attributes={}),
        retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
    )
    response = await handle_event.invocation_request(Message(request=Message(invocation_request=request)))
    return {"function": name, "ok": False, "result": repr(response.result.exception)}


def loads(root: str) -> bool:
    sys.path.insert(0, root)
    sys.modules.pop("function_app", None)
    get_binding_registry()._bindings.clear()  # type: ignore[no-untyped-call]  # a process has one app; here they take turns
    importlib.invalidate_caches()
    try:
        for function in loader.index_function_app(f"{root}/function_app.py"):
            Registry().add_indexed_function(function, PROTOS)
    except Exception:
        return False
    finally:
        sys.path.remove(root)
    return True


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    load_binding_registry()
    if sys.argv[1] == "invoke":
        print(json.dumps(asyncio.run(outcomes(sys.argv[2], sys.argv[3]))))
    else:
        print(json.dumps([loads(root) for root in sys.argv[2:]]))
