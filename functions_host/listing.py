"""The start-up listing: what was found and where it answers, readable like `func start`'s."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from functions_host.application import Application
from functions_host.functions import LoadedFunction

Paint = Callable[[str, str], str]

_COLOURS = {"name": "\x1b[33m", "url": "\x1b[32m", "note": "\x1b[90m", "title": "\x1b[1m"}


def painter(coloured: bool) -> Paint:
    """Colours text by role, or leaves it alone."""
    if not coloured:
        return lambda text, role: text
    return lambda text, role: f"{_COLOURS[role]}{text}\x1b[0m"


def listing(app: Application, origin: str, paint: Paint) -> str:
    """All functions, HTTP ones with their URLs first."""
    if not app.functions:
        return paint(f"No functions found in {app.root}: is there a function_app.py at its root?", "title")
    lines = [paint("Functions:", "title"), ""]
    width = max(len(function.name) for function in app.functions)
    for kind in ("http", "blob", "timer", "orchestration", "activity"):
        for function in app.functions:
            if function.kind == kind:
                name = paint(f"{function.name:>{width + 4}}", "name")
                lines.append(f"{name}: {'  '.join(_details(app, function, origin, paint))}")
    return "\n".join([*lines, ""])


def _details(app: Application, function: LoadedFunction, origin: str, paint: Paint) -> Iterator[str]:
    yield paint(f"{function.kind}Trigger", "note")
    if function.kind == "http":
        route = next(route for route in app.routes if route.function is function)
        yield f"[{','.join(sorted(route.methods)) or 'any method'}]"
        yield paint(origin + route.path, "url")
    elif function.kind == "timer":
        timer = next(timer for timer in app.timers if timer.function is function)
        yield timer.expression
    elif function.kind == "blob":
        blob = next(blob for blob in app.blobs if blob.function is function)
        yield f"{blob.pattern.container}/{blob.pattern.text}"
        if not blob.polled:
            webhook = f"{origin}/runtime/webhooks/blobs?functionName=Host.Functions.{function.name}"
            yield paint(f"source EventGrid: not polled; post events to {webhook}", "note")
    elif function.durable_name != function.name:
        yield paint(f"as {function.durable_name}", "note")
