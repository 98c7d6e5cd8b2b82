"""The function app as a worker indexes it: functions with their bindings, its settings, its OpenAPI document."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from places import ROOT, found

# Another value for what the app reads when it is indexed, to see which binding it ends up in.
_OTHER_SOURCE = {"LogsAndContainerScan": "EventGrid", "EventGrid": "LogsAndContainerScan"}
_UNSAID = ("description", "summary", "title", "examples", "info")


@dataclass(frozen=True)
class Index:
    """What the app is made of."""

    functions: dict[str, Any]
    settings: dict[str, Any]
    openapi: dict[str, Any]


def indexed() -> Index:
    """Indexes the app twice, each time in a process of its own: with its defaults, and with settings changed."""
    settings = {setting.name: setting for setting in found("settings of the app")}
    defaults = {name: setting.default for name, setting in settings.items() if setting.default}
    changed = {name: other for name, default in defaults.items() if (other := _other_value(name, default))}
    plain, moved = _in_a_process({}), _in_a_process(changed)
    origin = {value: name for name, value in changed.items()}
    return Index(
        {name: _function(bindings, moved["functions"][name], origin) for name, bindings in plain["functions"].items()},
        {name: {"default": _default(s.default), "secret": s.secret, "where": s.where} for name, s in settings.items()},
        _api(plain["openapi"]),
    )  # fmt: skip


def _other_value(name: str, default: str) -> str | None:
    """A valid value that no other setting has; None for what indexing does not read."""
    if len(default.split()) == 6:  # a schedule: a day that tells them apart
        return f"0 0 0 {1 + sum(map(ord, name)) % 28} 1 *"
    return _OTHER_SOURCE.get(default)


def _default(default: str | None) -> str:
    return "(must be set)" if default is None else default or "(off)"


def _in_a_process(settings: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__],
        cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _function(bindings: list[Any], moved: list[Any], origin: dict[str, str]) -> dict[str, str]:
    """Binding -> its properties on one line, each with the setting that its value comes from."""
    told = {}
    for plain, other in zip(bindings, moved, strict=True):
        words = []
        for name in sorted(set(plain) - {"type", "direction"}):
            value = ", ".join(plain[name]) if isinstance(plain[name], list) else str(plain[name])
            setting = origin.get(str(other[name])) if other[name] != plain[name] else None
            words.append(f"{name}={value}" + (f" [{setting}]" if setting else ""))
        told[f"{plain['type']} ({plain['direction'].lower()})"] = "; ".join(words)
    return told


def _api(document: dict[str, Any]) -> dict[str, Any]:
    """The document by operation and by schema, without what is written for people."""
    operations = {}
    for path, methods in document["paths"].items():
        for method, told in methods.items():
            operations[f"{method.upper()} {path}"] = {
                "operation": told["operationId"],
                "parameters": {p["name"]: _parameter(p) for p in told["parameters"]},
                "answers": {status: _answer(answer) for status, answer in told["responses"].items()},
            }
    schemas = {
        name: {
            field: _type(kind) + ("" if field in schema.get("required", ()) else ", may be absent")
            for field, kind in schema["properties"].items()
        }
        if "properties" in schema
        else _type(schema)
        for name, schema in document["components"]["schemas"].items()
    }
    servers = ", ".join(server["url"] for server in document["servers"])
    keys = {name: f"{s['in']} {s['name']}" for name, s in document["components"]["securitySchemes"].items()}
    return {"version": document["openapi"], "servers": servers, "keys": keys, "operations": operations,
            "schemas": schemas}  # fmt: skip


def _parameter(told: dict[str, Any]) -> str:
    return f"in {told['in']}, {'required' if told['required'] else 'optional'}: {_type(told['schema'])}"


def _answer(told: dict[str, Any]) -> str:
    contents = [f"{kind} {_type(content['schema'])}" for kind, content in told.get("content", {}).items()]
    return ", ".join(contents) or "no body"


def _type(schema: dict[str, Any]) -> str:
    """A schema on one line."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    if "additionalProperties" in schema:
        return f"object of {_type(schema['additionalProperties'])}"
    limits = {name: value for name, value in schema.items() if name not in ("type", *_UNSAID)}
    return " ".join([schema.get("type", "any bytes"), *(f"{name} {value}" for name, value in limits.items())])


def _listed() -> dict[str, Any]:
    """In a fresh process: an app can be asked for its functions once."""
    sys.path.insert(1, str(ROOT))
    from function_app import app

    functions = {function.get_function_name(): function for function in app.get_functions()}
    bindings = {name: [json.loads(b) for b in f.get_raw_bindings()] for name, f in functions.items()}
    [described] = [name for name, all_ in bindings.items() if all_[0].get("route") == "openapi.json"]
    answer = asyncio.run(functions[described].get_user_function()(_request()))
    return {"functions": bindings, "openapi": json.loads(answer.get_body())}


def _request() -> Any:
    import azure.functions as func

    return func.HttpRequest(method="GET", url="/api/openapi.json", body=b"")


if __name__ == "__main__":
    print(json.dumps(_listed()))
