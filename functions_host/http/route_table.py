"""Which HTTP function answers a request: prefix, template, method (contract D, which names what is not so yet).

A method that does not match is a route that does not match: 404, never 405.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from functions_host.errors import StartRefusedError
from functions_host.http.route_templates import RouteTemplate, parse_template
from functions_host.loading.functions import LoadedFunction


@dataclass(frozen=True)
class Route:
    """An HTTP function and where it answers; `methods` empty: any."""

    function: LoadedFunction
    template: RouteTemplate
    methods: frozenset[str]
    auth_level: str

    @property
    def path(self) -> str:
        """The template as a path, for listings."""
        return "/" + self.template.text


class RouteTable:
    """All routes, tried by ASP.NET precedence, then in order of declaration."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes: Sequence[Route] = sorted(routes, key=lambda route: route.template.precedence)

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """The route for a request and its route values; None: 404."""
        segments = path_segments(raw_path)
        for route in self.routes:
            if route.methods and method.upper() not in route.methods:
                continue
            values = route.template.match(segments)
            if values is not None:
                return route, values
        return None


def route_of(function: LoadedFunction, prefix: str) -> Route:
    """The route of an HTTP function; raises StartRefusedError for a template ASP.NET would not take."""
    declared = function.trigger.properties.get("route")
    template = function.name if declared is None else str(declared)
    try:
        parsed = parse_template("/".join(part for part in (prefix, template.strip("/")) if part))
    except ValueError as error:
        raise StartRefusedError(function.name, f"route {template!r}: {error}") from None
    methods = function.trigger.properties.get("methods") or ()
    level = function.trigger.text("authLevel", "function").lower()
    return Route(function, parsed, frozenset(str(method).upper() for method in methods), level)


def path_segments(raw_path: str) -> list[str]:
    """Decoded segments of a path as it was sent. An encoded slash stays `%2F`, as ASP.NET leaves it."""
    trimmed = raw_path.removeprefix("/").removesuffix("/")
    return [_decoded(segment) for segment in trimmed.split("/")] if trimmed else []


def _decoded(segment: str) -> str:
    return unquote(segment.replace("%2F", "%252F").replace("%2f", "%252f")) if "%" in segment else segment
