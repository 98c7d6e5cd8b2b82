"""Where in the code a declared part of the surface is found: by the name it is defined under, never by its module.

A module may move and nothing here changes. Who renames one of these names renames it here, in the one table.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]
PARTS = ("function_app", "functions_host", "local_agent", "local_stack", "sql_migrations")

# What it is -> (part, name).
DEFINED = {
    "settings of the app": ("function_app", "SETTINGS"),
    "blob of a file": ("local_agent", "describe"),
    "exit codes of the agent": ("local_agent", "ExitCode"),
    "status of the agent": ("local_agent", "AgentStatus"),
    "report of a batch": ("local_agent", "BatchReport"),
    "report of a listing": ("local_agent", "ListingReport"),
    "log line of a batch": ("local_agent", "batch_line"),
    "metrics of the agent": ("local_agent", "StatusCollector"),
    "folders of a device": ("local_agent", "DeviceFolders"),
    "reject a file": ("local_agent", "reject"),
    "why it is rejected": ("local_agent", "Reason"),
    "marker of a complete file": ("local_agent", "MARKER_SUFFIX"),
    "endings of unfinished files": ("local_agent", "UNFINISHED_SUFFIXES"),
    "local state": ("local_stack", "StateFolder"),
    "what is up": ("local_stack", "RunningStack"),
    "audit": ("local_stack", "Reconciliation"),
    "discrepancy of an audit": ("local_stack", "Discrepancy"),
    "kinds of discrepancies": ("local_stack", "DISCREPANCIES"),
    "kinds of waiting": ("local_stack", "WAITING"),
    "demo": ("local_stack", "DemoResult"),
    "finding of the doctor": ("local_stack", "Finding"),
    "replay": ("local_stack", "Replays"),
    "package": ("local_stack", "PackageReport"),
    "fault run": ("local_stack", "Summary"),
    "lanes of a fault run": ("local_stack", "LANES"),
    "log of invocations": ("functions_host", "InvocationLog"),
}
LOG_FUNCTION = "log_line"  # of the agent: (event, field=value, ...)
CHECK_TABLES = "CHECKS"  # of local_stack: one table of the test command, one of each doctor


class SurfaceNotFoundError(Exception):
    """Something that this extractor looks for is not where it looks; the text says what to do."""


def found(what: str) -> Any:
    """What ``DEFINED`` names. Raises SurfaceNotFoundError if no module, or more than one, defines it."""
    part, name = DEFINED[what]
    modules = modules_defining(part, name)
    if len(modules) != 1:
        raise SurfaceNotFoundError(
            f"the {what}: {len(modules)} modules of {part} define {name} ({', '.join(modules) or 'none'}); "
            "give its name in DEFINED of extractor/places.py"
        )
    return getattr(importlib.import_module(modules[0]), name)


def modules_defining(part: str, name: str) -> list[str]:
    """Dotted names of the modules of a part that define this name at their top level."""
    return [module for module, tree in trees(part) if name in _defined_by(tree)]


@cache
def trees(part: str) -> list[tuple[str, ast.Module]]:
    """(dotted name, syntax tree) of every module of a part."""
    paths = sorted((ROOT / part).rglob("*.py"))
    return [(_dotted(path), ast.parse(path.read_bytes())) for path in paths]


def calls(part: str, wanted: Callable[[ast.Call], bool]) -> Iterator[tuple[str, ast.Call]]:
    """(module, call) of every call in a part that is wanted."""
    for module, tree in trees(part):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and wanted(node):
                yield module, node


def called(node: ast.Call) -> str:
    """The last word of what is called: ``warning`` of ``_log.warning(...)``."""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def text_of(node: ast.AST | None) -> str | None:
    """The text of a string constant; that of an f-string with ``*`` for what it puts in; else None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) or "*" for part in node.values)
    return None


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _defined_by(tree: ast.Module) -> set[str]:
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names
