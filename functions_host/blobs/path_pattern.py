"""Blob path patterns such as `img/{device}/{name}.png` (contract C3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|([^{}]+)")


@dataclass(frozen=True)
class PathPattern:
    """A container and a pattern over blob names; `prefix` is the literal text every match begins with."""

    container: str
    prefix: str
    text: str
    pattern: re.Pattern[str]
    tokens: tuple[str, ...]

    def match(self, blob_name: str) -> dict[str, str] | None:
        """Token values, or None. Tokens are greedy and cross slashes; case matters."""
        found = self.pattern.fullmatch(blob_name)
        if found is None:
            return None
        return dict(zip(self.tokens, found.groups(), strict=True))


def parse_path(path: str) -> PathPattern:
    """Parse `container/pattern` (settings already expanded); raises ValueError saying what is wrong."""
    container, slash, name = path.partition("/")
    if "{" in container or not container:
        raise ValueError(f"the container of {path!r} must be named without braces")
    if not slash or not name:
        name = "{name}"  # a bare container means every blob in it
    pattern, prefix, tokens, position = "", "", [], 0
    while position < len(name):
        token = _TOKEN.match(name, position)
        if token is None:
            raise ValueError(f"unbalanced braces in {path!r}")
        position = token.end()
        if token[1] is not None:
            tokens.append(token[1])
            pattern += "(.*)"
        else:
            literal = token[2] or token[0][0]
            pattern += re.escape(literal)
            prefix += literal if not tokens else ""
    # Containers are named in lower case and compared ignoring case; blob names keep theirs.
    return PathPattern(container.lower(), prefix, name, re.compile(pattern, re.DOTALL), tuple(tokens))
