"""Nothing logs on a thread of ``asyncio.to_thread``: Microsoft's host drops what it cannot lay to an invocation.

The Python worker finds the invocation of a log record by the task or by the thread of its own pool that it runs on;
a thread of ``to_thread`` is neither (recorded on Functions host 4.1037, Python worker 4.34.0). Whoever has something
to say returns it, or raises it, and the coroutine logs.

Read from the syntax tree, by name: from everything that is handed to ``to_thread`` or to our ``in_thread``, through
every function of function_app whose name is mentioned on the way. That reaches more than really runs there; it misses
only what is called by a computed name. Coroutines are left out: a thread does not run them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
_TO_A_THREAD = {"to_thread", "in_thread", "run_in_executor"}
_LEVELS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
_LOGGERS = {"log", "logger", "logging", "_log", "_logger", "_LOGGER"}
Function = tuple[str, ast.FunctionDef]


def name_of(node: ast.expr) -> str:
    """The last name of ``a``, ``a.b`` or ``a.b()``; empty for anything else."""
    if isinstance(node, ast.Call):
        return name_of(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def calls(node: ast.AST) -> Iterator[ast.Call]:
    return (found for found in ast.walk(node) if isinstance(found, ast.Call))


def handed_over(tree: ast.AST) -> set[str]:
    """Every name in the arguments of a call that goes to a thread, what a lambda among them calls included."""
    return {
        name
        for call in calls(tree)
        if name_of(call.func) in _TO_A_THREAD
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
        for name in mentioned(argument)
    }


def mentioned(node: ast.AST) -> Iterator[str]:
    """Every name below a node: what it calls, reads as a property, or hands on."""
    return (name_of(part) for part in ast.walk(node) if isinstance(part, ast.Name | ast.Attribute))


def reached(trees: Iterable[tuple[str, ast.AST]]) -> dict[str, list[Function]]:
    """The functions that may run on such a thread, by name; each with the file that it is in."""
    trees = list(trees)
    defined: dict[str, list[Function]] = {}
    for file, tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                defined.setdefault(node.name, []).append((file, node))
    found: dict[str, list[Function]] = {}
    waiting = {name for _, tree in trees for name in handed_over(tree)}
    while waiting:
        name = waiting.pop()
        if name in found or name not in defined:
            continue
        found[name] = defined[name]
        waiting |= {name for _, node in defined[name] for name in mentioned(node)}
    return found


def logging_on_threads(trees: Iterable[tuple[str, ast.AST]]) -> list[str]:
    """``file:line`` of each call that logs or prints in a function that may run on such a thread."""
    return sorted(
        f"{file}:{call.lineno} {name}"
        for name, functions in reached(trees).items()
        for file, node in functions
        for call in calls(node)
        if _logs(call)
    )


def _logs(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr in _LEVELS and name_of(call.func.value) in _LOGGERS | {"getLogger"}
    return name_of(call.func) == "print"


def sources() -> list[tuple[str, ast.AST]]:
    return [
        (path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted((ROOT / "function_app").rglob("*.py"))
    ]


def test_nothing_logs_where_the_host_would_drop_it():
    assert logging_on_threads(sources()) == [], "return or raise it, and log in the coroutine"


def test_the_walk_reaches_what_is_known_to_run_on_such_a_thread():
    """Handed over directly, by attribute, inside a lambda, through another function, through an adapter's method."""
    found = reached(sources())
    assert {"_table", "page", "_check_schema", "lines_of", "present_run", "_put", "storage_errors"} <= set(
        found
    )
    assert "respond" not in found  # a coroutine, which logs where the host hears it


@pytest.mark.parametrize(
    "body",
    [
        "log.info('x')",
        "logging.getLogger('a').warning('x')",
        "deeper()",
        "self.method()",
        "self.told",
        "list(map(deeper, []))",
        "print('x')",
    ],
)
@pytest.mark.parametrize(
    "call",
    [
        "await in_thread(work)",
        "await asyncio.to_thread(things.work, 1)",
        "await in_thread(check, lambda: work(1))",
        "await loop.run_in_executor(None, partial(work, 1))",
    ],
)
def test_a_log_line_on_a_thread_is_found_however_it_gets_there(call, body):
    source = (
        f"async def get():\n    {call}\ndef work(): {body}\n"
        "def deeper(): logger.error('x')\n"
        "class A:\n    def method(self): log.exception('x')\n"
        "    @property\n    def told(self): log.info('x')\n"
    )
    assert logging_on_threads([("a.py", ast.parse(source))])


def test_a_log_line_of_a_coroutine_or_of_an_activity_is_none_of_them():
    source = (
        "async def get():\n    answer = await in_thread(work)\n    log.info('x')\ndef work(): pass\n"
        "def activity(run): log.info('the worker runs it on its own pool')\n"
    )
    assert logging_on_threads([("a.py", ast.parse(source))]) == []
