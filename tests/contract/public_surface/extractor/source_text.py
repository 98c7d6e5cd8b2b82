"""What only the source text declares: reasons, loggers and log lines, environment variables, queues."""

from __future__ import annotations

import ast
import io
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from places import LOG_FUNCTION, PARTS, ROOT, SurfaceNotFoundError, called, calls, found, text_of, trees

_LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
# Names with the look of a variable of the environment that are none: words of help texts, of Python and of Windows.
_NO_VARIABLES = {
    "RUN_ID", "PYTEST_ARGUMENT", "LOAD_ATTR", "LOAD_METHOD", "CREATE_NEW_PROCESS_GROUP",
    "O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK",
}  # fmt: skip
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+(__[a-z]\w+)?|AzureWebJobs\w+|NODE|TELEMETRY")
_REASON = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9*]+)*")
# Callables that take a reason as an argument: its place, and by keyword wherever it is called ``reason``.
_TAKES_REASON = {
    "Rejection": 0, "PngFault": 0, "problem": 1, "FileRefusedError": 0, "FileNotReadyError": 0, "Reason": 0,
}  # fmt: skip


def variables() -> list[str]:
    """The variables of the environment that the text of any part names."""
    texts = {text for part in (*PARTS, "infra") for _, tree in trees(part) for text in _texts(tree)}
    return sorted(text for text in texts if _VARIABLE.fullmatch(text) and text not in _NO_VARIABLES)


def queues() -> list[str]:
    """Storage queues and containers of the Functions host that the embedded host uses under the same names."""
    texts = {text for _, tree in trees("functions_host") for text in _texts(tree)}
    return sorted(text for text in texts if re.fullmatch(r"(azure-)?webjobs-[a-z-]+", text))


def reasons() -> dict[str, list[str]]:
    """Part -> the reason codes that it gives; and those that the documentation explains."""
    told = {part: sorted(set(_reasons(part))) for part in ("function_app", "local_agent")}
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    section = page.partition("\n## Reasons\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {**told, "explained": sorted(re.findall(r"`(\w+)`", " ".join(rows)))}


def logs() -> dict[str, Any]:
    """Lines of app and host by logger; the structured lines of agent and host with their fields."""
    app_and_host = {
        part: {
            logger: lines for logger, lines in _logged(part).items() if lines
        }  # some only have their level set
        for part in ("function_app", "functions_host")
    }
    return {
        **app_and_host,
        "local_agent (JSON lines)": _events(),
        "functions_host (invocations)": {"fields": _invocation_fields()},
    }


def keywords_of_calls(part: str, name: str) -> list[str]:
    """The keywords that calls of this name are given anywhere in a part."""
    return sorted(
        {k.arg for _, call in calls(part, lambda c: called(c) == name) for k in call.keywords if k.arg}
    )


def _reasons(part: str) -> Iterator[str]:
    for _, tree in trees(part):
        for node in ast.walk(tree):
            for candidate in map(_unless, _reason_nodes(node)):
                text = text_of(candidate)
                if text and _REASON.fullmatch(text):
                    yield text


def _reason_nodes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call):
        place = _TAKES_REASON.get(called(node))
        yield from node.args[place : place + 1] if place is not None else ()
        yield from (keyword.value for keyword in node.keywords if keyword.arg == "reason")
    if isinstance(node, ast.Dict):
        yield from (v for k, v in zip(node.keys, node.values, strict=True) if text_of(k) == "reason")
    if isinstance(node, ast.ClassDef):
        members = [m for m in node.body if isinstance(m, ast.Assign)]
        enumerated = node.name == "Reason"
        for member in members:
            name = getattr(member.targets[0], "id", "")
            if name == "reason" or enumerated or name.startswith("REFUSE_"):
                yield member.value


def _unless(node: ast.AST) -> ast.AST:
    """The first of ``reason if broken else None``."""
    return node.body if isinstance(node, ast.IfExp) else node


def _logged(part: str) -> dict[str, list[str]]:
    """Logger -> its lines, ``level: text``; a logger without a line of its own in its module has none."""
    told: dict[str, set[str]] = defaultdict(set)
    for module, tree in trees(part):
        loggers = [
            node for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node) == "getLogger"
        ]
        names = [
            text_of(node.args[0]) or module for node in loggers if node.args and _names_a_logger(node.args[0])
        ]
        lines = {
            f"{called(node)}: {text_of(node.args[0])}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and called(node) in _LEVELS and node.args and text_of(node.args[0])
        }
        for name in names:
            told[name] |= lines
    if not told:
        raise SurfaceNotFoundError(f"no module of {part} gets a logger")
    return {name: sorted(lines) for name, lines in sorted(told.items())}


def _names_a_logger(argument: ast.AST) -> bool:
    return text_of(argument) is not None or getattr(argument, "id", "") == "__name__"


def _events() -> dict[str, list[str]]:
    """Event -> the fields of its line: of the log function's calls, and of dictionaries that hold an event."""
    told: dict[str, set[str]] = defaultdict(set)
    for _, call in calls("local_agent", lambda call: called(call) == LOG_FUNCTION):
        told[text_of(call.args[0]) or "?"] |= {keyword.arg or "?" for keyword in call.keywords}
    for _, tree in trees("local_agent"):
        for node in ast.walk(tree):
            keys = [text_of(key) for key in node.keys] if isinstance(node, ast.Dict) else []
            if isinstance(node, ast.Dict) and "event" in keys and text_of(node.values[keys.index("event")]):
                told[text_of(node.values[keys.index("event")]) or "?"] |= {
                    k for k in keys if k and k != "event"
                }
    if not told:
        raise SurfaceNotFoundError(
            f"no call of {LOG_FUNCTION} in local_agent: see LOG_FUNCTION of extractor/places.py"
        )
    return {event: sorted(fields) for event, fields in sorted(told.items())}


def _invocation_fields() -> str:
    """As a failed invocation's line has them, in their order."""
    stream = io.StringIO()
    log = found("log of invocations")(stream, {})
    log.finished("name", "http", "id", 0.1, error="x", subject="y")
    return ", ".join(re.findall(r" (\w+)=", stream.getvalue()))


def _texts(tree: ast.Module) -> Iterator[str]:
    """Every string constant that is not a docstring, those inside f-strings too."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value) for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value
