"""Compares two states of the public surface and says in sentences what vanished, what is new, what changed. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

UPDATE = "python -m pytest tests/contract/public_surface --write-snapshot"

_WHAT_TO_DO = (
    f"Not meant: put it back; users, operators, devices, Azure or databases rely on it.\n"
    f"Meant: run `{UPDATE}`, read the difference of the snapshot, and list it in CHANGELOG.md."
)


def difference(kind: str, before: Any, now: Any) -> str:
    """What to tell whoever changed the surface of this kind; empty if it is the same."""
    old, new = dict(_leaves(before)), dict(_leaves(now))
    lines = [f"  gone: {_shown(path, old[path])}" for path in sorted(old.keys() - new.keys())]
    lines += [f"  new: {_shown(path, new[path])}" for path in sorted(new.keys() - old.keys())]
    lines += [
        f"  changed: {' > '.join(path)}: was {old[path]!r}, is {new[path]!r}"
        for path in sorted(old.keys() & new.keys())
        if old[path] != new[path]
    ]
    if not lines:
        return ""
    return "\n".join([f"The public surface has changed ({kind.replace('_', ' ')}):", *lines, _WHAT_TO_DO])


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(way to it, value) of everything; an entry of a list is its own way, as the order of lists says nothing."""
    if isinstance(value, dict):
        if not value and path:
            yield path, "(nothing)"
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif isinstance(value, list):
        for entry in value:
            yield (*path, str(entry)), None
    else:
        yield path, value


def _shown(path: tuple[str, ...], value: Any) -> str:
    return " > ".join(path) + ("" if value is None else f": {value!r}")
