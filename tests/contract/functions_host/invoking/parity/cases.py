"""Invocations that both runtimes get: function, inputs and metadata as (value, datum type) pairs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

HISTORY = [
    {"EventType": 12, "EventId": -1, "IsPlayed": False, "Timestamp": "2026-01-01T00:00:00.0000000Z"},
    {
        "EventType": 0,
        "EventId": -1,
        "IsPlayed": False,
        "Timestamp": "2026-01-01T00:00:00.0000000Z",
        "Name": "chain",
        "Version": "",
        "Input": '"7"',
    },
]
CONTEXT = json.dumps(
    {
        "history": HISTORY,
        "input": "7",
        "instanceId": "i",
        "isReplaying": False,
        "parentInstanceId": None,
        "upperSchemaVersion": 1,
        "upperSchemaVersionNew": 2,
        "maximumShortTimerDuration": "6.00:00:00",
        "longRunningTimerIntervalDuration": "3.00:00:00",
    }
)
REQUEST = [
    {
        "method": ["POST", "string"],
        "url": ["http://h/api/x?q=1", "string"],
        "headers": {"x-h": ["v", "string"]},
        "query": {"q": ["1", "string"]},
        "params": {"id": ["9", "string"]},
        "body": ['{"a": 1}', "bytes"],
    },
    "http",
]
RECORDED = json.loads((Path(__file__).parents[3] / "recordings" / "blobs.json").read_text(encoding="utf-8"))


def recorded(label: str) -> dict[str, Any]:
    """What Microsoft's host sent for a blob (tests/contract/recordings)."""
    return next(row for row in RECORDED if row["label"] == f"{label}: sent by the host")["value"][0]


BLOB_METADATA = {
    name: [told["value"], told["type"]] for name, told in recorded("text blob")["trigger_metadata"].items()
}
EMPTY_METADATA = {
    name: [told["value"], told["type"]] for name, told in recorded("empty blob")["trigger_metadata"].items()
}
REFERENCE = [recorded("reference")["data"], "model_binding_data"]
CLIENT = [
    json.dumps({"taskHubName": "h", "creationUrls": {}, "managementUrls": {}, "rpcBaseUrl": "http://h/"}),
    "string",
]
TIMER = ['{"IsPastDue": true, "ScheduleStatus": {"Last": "x"}, "Schedule": {}}', "json"]

Case = dict[str, Any]


def case(
    function: str, parameter: str, datum: Any, metadata: dict[str, Any] | None = None, **more: Any
) -> Case:
    return {"function": function, "inputs": {parameter: datum, **more}, "metadata": metadata or {}}


HTTP_FUNCTIONS = ("text", "full", "parsed", "nothing", "number", "broken", "through_out")
CASES: list[Case] = [
    *(case(name, "req", REQUEST) for name in HTTP_FUNCTIONS),
    case("tick", "timer", TIMER),
    case("returns_too_much", "timer", TIMER),
    case("stream", "blob", ["hello", "bytes"], BLOB_METADATA),
    case("stream", "blob", ["", "bytes"], EMPTY_METADATA),
    case("raw", "blob", ["hello", "bytes"], BLOB_METADATA),
    *(
        case("place", "blob", REFERENCE, BLOB_METADATA, client=CLIENT) for _ in range(2)
    ),  # nothing is kept on 3.13
    case("place", "blob", ["hello", "bytes"], BLOB_METADATA, client=CLIENT),
    *(case("echo", "value", [text, "string"]) for text in ('{"a": [1]}', '"text"', "null", "5", "not json")),
    case("echo_async", "value", ['{"a": 1}', "string"]),
    case("fails", "value", ['"x"', "string"]),
    case("not_json", "value", ["1", "string"]),
    *(case(name, "context", [CONTEXT, "string"]) for name in ("chain", "falls", "falls_at_once")),
]


def datum_of(described: Any, datum_class: Any) -> Any:
    """A datum from its description; bytes are written as latin-1 text, request parts nest."""
    value, kind = described
    if kind == "http":
        value = {
            name: datum_of(part, datum_class)
            if isinstance(part, list)
            else {key: datum_of(entry, datum_class) for key, entry in part.items()}
            for name, part in value.items()
        }
    if kind == "bytes":
        value = value.encode("latin-1")
    if kind == "model_binding_data":
        value = SimpleNamespace(**{**value, "content": value["content"].encode()})
    return datum_class(value, kind)


def described(datum: Any) -> Any:
    """A datum as JSON, whichever runtime made it."""
    if datum is None:
        return None
    value = datum.value
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    elif isinstance(value, dict):
        value = {
            "status": value["status_code"].value,
            "headers": {name: header.value for name, header in value["headers"].items()},
            "cookies": [str(cookie) for cookie in value["cookies"] or ()],
            "body": described(value["body"]),
        }
    return [value, datum.type]
