"""ASP.NET route templates: parse once, match decoded path segments, order by precedence (contract D).

Supports `{id}`, `{id?}`, `{id:int:min(1)}`, `{id=5}`, `{*rest}`, `{**rest}`, and several parts in one
segment (`{name}.{ext?}`). Literals compare ignoring case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from functions_host.http.route_constraints import Predicate, constraint


@dataclass(frozen=True)
class RouteParameter:
    """One `{...}` of a template."""

    name: str
    optional: bool = False
    catch_all: bool = False
    default: str | None = None
    constraints: tuple[Predicate, ...] = ()


@dataclass(frozen=True)
class Segment:
    """Text between two slashes: literals and parameters in turn."""

    parts: tuple[str | RouteParameter, ...]
    patterns: tuple[re.Pattern[str], ...]

    @property
    def only_parameter(self) -> RouteParameter | None:
        """The parameter when the segment is nothing else."""
        part = self.parts[0] if len(self.parts) == 1 else None
        return part if isinstance(part, RouteParameter) else None


@dataclass(frozen=True)
class RouteTemplate:
    """A parsed template."""

    text: str
    segments: tuple[Segment, ...]

    @property
    def precedence(self) -> tuple[int, ...]:
        """Sort key: literals before several-part and constrained ones, then parameters, then catch-alls.

        Same digits as ASP.NET's inbound precedence (`RoutePrecedence.ComputeInbound`).
        """
        return tuple(_digit(segment) for segment in self.segments)

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """Route values for decoded path segments (no leading or trailing empty one); None: no match."""
        values: dict[str, str] = {}
        for position, segment in enumerate(self.segments):
            parameter = segment.only_parameter
            if parameter is not None and parameter.catch_all:
                _take(values, parameter, "/".join(path[position:]) or None)
                return _checked(self, values)
            text = path[position] if position < len(path) else None
            if not _match_segment(segment, text, values):
                return None
        return _checked(self, values) if len(path) <= len(self.segments) else None


def parse_template(text: str) -> RouteTemplate:
    """Parse; raises ValueError saying what is wrong with the template."""
    body = text.removeprefix("~/").strip("/")
    segments = tuple(_parse_segment(part) for part in _split(body)) if body else ()
    seen: set[str] = set()
    for position, segment in enumerate(segments):
        for part in segment.parts:
            if isinstance(part, str):
                continue
            if part.name.lower() in seen:
                raise ValueError(f"parameter {part.name!r} appears twice")
            seen.add(part.name.lower())
            if part.catch_all and (position != len(segments) - 1 or len(segment.parts) > 1):
                raise ValueError("a catch-all parameter must be the last segment, alone")
    return RouteTemplate(text, segments)


def _split(text: str) -> list[str]:
    """At slashes outside braces: a regex constraint may hold some."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character == "{") - (character == "}")
        if character == "/" and depth <= 0:
            parts.append(current)
            current = ""
        else:
            current += character
    parts.append(current)
    if "" in parts:
        raise ValueError("two slashes in a row")
    return parts


_TOKEN = re.compile(r"\{\{|\}\}|\{((?:[^{}]|\{\{|\}\})+)\}|([^{}]+)")


def _parse_segment(text: str) -> Segment:
    parts: list[str | RouteParameter] = []
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise ValueError(f"unbalanced braces in {text!r}")
        position = token.end()
        if token[1] is not None:
            if parts and isinstance(parts[-1], RouteParameter):
                raise ValueError("two parameters need a literal between them")
            parts.append(_parse_parameter(token[1].replace("{{", "{").replace("}}", "}")))
        else:
            literal = token[2] or token[0][0]
            previous = parts.pop() if parts and isinstance(parts[-1], str) else ""
            parts.append(f"{previous}{literal}")
    return Segment(tuple(parts), _segment_patterns(parts))


def _parse_parameter(text: str) -> RouteParameter:
    stars = len(text) - len(text.lstrip("*"))
    name, default, optional = text[stars:], None, False
    if name.endswith("?"):
        name, optional = name[:-1], True
    head, separator, tail = name.partition(":")
    if "=" in head:
        head, _, default = name.partition("=")
        separator = ""
    pieces = _constraints(tail) if separator else []
    if pieces and "=" in pieces[-1] and not pieces[-1].endswith(")"):
        pieces[-1], _, default = pieces[-1].partition("=")
    if not re.fullmatch(r"[^/{}?*:=]+", head):
        raise ValueError(f"invalid parameter name {head!r}")
    return RouteParameter(head, optional, stars > 0, default, tuple(constraint(piece) for piece in pieces))


def _constraints(text: str) -> list[str]:
    """Split at colons outside parentheses."""
    pieces, depth, current = [], 0, ""
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == ":" and depth == 0:
            pieces.append(current)
            current = ""
        else:
            current += character
    return [*pieces, current]


def _segment_patterns(parts: Sequence[str | RouteParameter]) -> tuple[re.Pattern[str], ...]:
    """`{name}.{ext?}`: with the optional last part, then without it and without the dot before it."""
    forms = [list(enumerate(parts))]
    last = parts[-1]
    if len(parts) > 1 and isinstance(last, RouteParameter) and last.optional:
        before = parts[-2]
        forms.append([*forms[0][:-2], (len(parts) - 2, str(before).removesuffix("."))])
    return tuple(re.compile(_segment_pattern(form), re.IGNORECASE | re.DOTALL) for form in forms)


def _segment_pattern(parts: Sequence[tuple[int, str | RouteParameter]]) -> str:
    return "".join(re.escape(part) if isinstance(part, str) else f"(?P<p{index}>.+)" for index, part in parts)


def _match_segment(segment: Segment, text: str | None, values: dict[str, str]) -> bool:
    parameter = segment.only_parameter
    if parameter is not None:
        _take(values, parameter, text or None)
        return bool(text) or parameter.optional or parameter.default is not None
    for pattern in segment.patterns if text else ():
        found = pattern.fullmatch(text or "")
        if found is not None:
            groups = found.groupdict()
            for index, part in enumerate(segment.parts):
                if isinstance(part, RouteParameter):
                    _take(values, part, groups.get(f"p{index}"))
            return True
    return False


def _take(values: dict[str, str], parameter: RouteParameter, text: str | None) -> None:
    value = parameter.default if text is None else text
    if value is not None:
        values[parameter.name] = value


def _checked(template: RouteTemplate, values: Mapping[str, str]) -> dict[str, str] | None:
    for segment in template.segments:
        for part in segment.parts:
            if isinstance(part, RouteParameter) and part.name in values:
                text = values[part.name]
                if not all(holds(text) for holds in part.constraints):
                    return None
    return dict(values)


def _digit(segment: Segment) -> int:
    parameter = segment.only_parameter
    if parameter is None:
        return 1 if len(segment.parts) == 1 else 2
    return (5 if parameter.catch_all else 3) - bool(parameter.constraints)
