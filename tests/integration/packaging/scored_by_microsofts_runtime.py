"""One blob from trigger to row, every function of the package called by Microsoft's azure-functions-runtime.

Run in the package's own environment, with the app's root and a blob's container and name as arguments, and what
Microsoft's host was recorded to send in RECORDED_REFERENCE. What stands in here is only the host: it tells of the blob,
answers the Durable client and plays the orchestration's history forward (docs/functions-host.md names the protocol).
Prints the steps in their order and the orchestration's output as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

from azure_functions_runtime import handle_event, loader, native_invocation
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.bindings.meta import load_binding_registry
from azure_functions_runtime.utils.threadpool import start_threadpool_executor

PROTOS = SimpleNamespace(BindingInfo=SimpleNamespace(out=1, inout=2, undefined=None))
NOW = {"Timestamp": "2026-01-01T00:00:00.0000000Z"}


async def invoke(name: str, inputs: dict[str, Datum], metadata: dict[str, Datum] | None = None) -> Any:
    """Call a function; its JSON answer. Raises RuntimeError with what the runtime reports."""
    function_id = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
    ok, datum, _, error, trace = await native_invocation.invocation_request_native(
        "id", function_id, list(inputs.items()), metadata or {}
    )
    if not ok:
        raise RuntimeError(f"{name}: {error}\n{trace}")
    return json.loads(datum.value) if datum is not None and datum.value else None


class DurableExtension:
    """The two requests of the Durable client that a starter makes: is there an instance; start it."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str]] = []  # path, body
        started = self.started

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(404, b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                started.append((self.path, body.decode()))
                self._answer(202, json.dumps({"id": self.path.partition("?")[0].rpartition("/")[2]}).encode())

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None: ...

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def binding(self) -> Datum:
        """What a durable-client parameter is given."""
        url = f"http://127.0.0.1:{self._server.server_port}/durabletask/"
        urls = {"id": "INSTANCEID", "statusQueryGetUri": f"{url}instances/INSTANCEID"}
        text = {"taskHubName": "hub", "creationUrls": {}, "managementUrls": urls, "rpcBaseUrl": url}
        return Datum(json.dumps(text), "string")


class Message:
    """As much of a protocol message as the runtime reads: fields, and which one of a group is set."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def WhichOneof(self, group: str) -> str:
        """The one field, whatever the group is called."""
        return next(name for name in self.__dict__ if name != "name")


class Result(Message):
    Success, Failure = "success", "failure"


async def start(container: str, name: str) -> tuple[str, str]:
    """The starter, given what the recorded host sent, about this blob; (run id, the orchestration's input).

    By both ways of the runtime to call a function: its own, and the one that references go by, with messages.
    """
    recorded = json.loads(os.environ["RECORDED_REFERENCE"])
    told = recorded["data"]
    content = {**json.loads(told["content"]), "ContainerName": container, "BlobName": name}
    reference = SimpleNamespace(**{**told, "content": json.dumps(content).encode()})
    metadata = {
        key: Datum(found.get("value", "{}"), found.get("type", "json"))
        for key, found in recorded["trigger_metadata"].items()
    }
    durable = DurableExtension()
    inputs = {"blob": Datum(reference, "model_binding_data"), "client": durable.binding}
    await invoke("start_on_blob", inputs, metadata)
    await invoke_with_messages("start_on_blob", inputs, metadata)
    [(path, body), again] = durable.started
    if (path, body) != again:
        raise RuntimeError(f"the two ways to call started different runs: {durable.started}")
    return path.partition("?")[0].rpartition("/")[2], body


async def invoke_with_messages(name: str, inputs: dict[str, Datum], metadata: dict[str, Datum]) -> None:
    """Call a function by the protocol. Raises what the function raised."""
    handle_event.protos = SimpleNamespace(InvocationResponse=Message, StatusResult=Result)
    handle_event.serialize_exception = lambda error, _: error
    request = Message(
        function_id=str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        invocation_id="id",
        input_data=[
            Message(name=key, data=Message(**{datum.type: datum.value})) for key, datum in inputs.items()
        ],
        trigger_metadata={key: Message(**{datum.type: datum.value}) for key, datum in metadata.items()},
        trace_context=Message(trace_parent="", trace_state="", attributes={}),
        retry_context=Message(retry_count=0, max_retry_count=0, exception=None),
    )
    response = await handle_event.invocation_request(Message(request=Message(invocation_request=request)))
    if response.result.status != Result.Success:
        raise response.result.exception


async def play(run_id: str, told: str) -> tuple[list[str], Any]:
    """The orchestration to its end, each activity it asks for done at once; (steps, output)."""
    started = {"EventType": 0, "EventId": -1, "Name": "process_image", "Version": "", "Input": told}
    new: list[dict[str, Any]] = [{"EventType": 12, "EventId": -1}, started]
    old: list[dict[str, Any]] = []
    steps: list[str] = []
    while True:
        history = [{**event, **NOW, "IsPlayed": True} for event in old]
        history += [{**event, **NOW, "IsPlayed": False} for event in new]
        context = {
            "history": history, "input": json.loads(told), "instanceId": run_id, "isReplaying": bool(old),
            "parentInstanceId": None, "upperSchemaVersion": 1, "upperSchemaVersionNew": 2,
            "maximumShortTimerDuration": "6.00:00:00", "longRunningTimerIntervalDuration": "3.00:00:00",
        }  # fmt: skip
        state = await invoke("process_image", {"context": Datum(json.dumps(context), "string")})
        if state["isDone"]:
            return steps, state["output"]
        [action] = state["actions"][0][len(steps) :]
        task, name = len(steps), action["functionName"]
        steps.append(name)
        parameter = "ending" if "record" in json.loads(action["input"]) else "run"
        result = await invoke(name, {parameter: Datum(action["input"], "string")})
        old += [*new, {"EventType": 4, "EventId": task, "Name": name}, {"EventType": 13, "EventId": -1}]
        done = {"EventType": 5, "EventId": -1, "TaskScheduledId": task, "Result": json.dumps(result)}
        new = [{"EventType": 12, "EventId": -1}, done]


async def score(container: str, name: str) -> Any:
    steps, output = await play(*await start(container, name))
    return {"steps": ["start_on_blob", *steps], "output": output}


if __name__ == "__main__":
    root, container, name = sys.argv[1:]
    sys.path.append(root)  # as the worker does: the app's root last
    os.chdir(root)
    load_binding_registry()
    for function in loader.index_function_app("function_app.py"):
        handle_event._functions.add_indexed_function(function, PROTOS)
    start_threadpool_executor()
    print(json.dumps(asyncio.run(score(container, name))))
