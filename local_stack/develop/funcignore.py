"""Which files of a function app are published: ``.funcignore`` as Azure Functions Core Tools reads it.

It looks like a .gitignore and is not one. A rule is a prefix that ends at a word boundary, so ``requirements``
also drops ``requirements.txt`` and ``*.pyc`` reaches the root folder only; an exception (``!``) always wins,
wherever it stands. Source: ``GitIgnoreParser.cs`` and ``FileSystemHelpers.GetLocalFiles`` of Core Tools 4.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

# Core Tools leaves these out whatever .funcignore says; names compare without case.
NEVER_FOLDERS = frozenset({".git", ".vscode"})
NEVER_FILES = frozenset({".funcignore", ".gitignore", "local.settings.json", "project.lock.json"})

_NOTHING = re.compile(r"(?!)")


class FuncIgnore:
    """The rules of one ``.funcignore``."""

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.split("\n")]
        rules = [line for line in lines if line and not line.startswith("#")]
        self._dropped = _prefixes([rule for rule in rules if not rule.startswith("!")])
        self._kept = _prefixes([rule[1:] for rule in rules if rule.startswith("!")])

    def accepts(self, path: str) -> bool:
        """Is this file published? ``path`` is relative to the app's root, with forward slashes."""
        return bool(self._kept.match(path)) or not self._dropped.match(path)


def published_files(root: Path) -> Iterator[str]:
    """Relative paths of the files below ``root`` that Core Tools would put into the package, sorted."""
    ignore_file = root / ".funcignore"
    rules = FuncIgnore(ignore_file.read_text(encoding="utf-8") if ignore_file.is_file() else "")
    found: list[str] = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name.lower() not in NEVER_FOLDERS]
        for name in files:
            path = (Path(folder) / name).relative_to(root).as_posix()
            if name.lower() not in NEVER_FILES and rules.accepts(path):
                found.append(path)
    yield from sorted(found)


def _prefixes(rules: list[str]) -> re.Pattern[str]:
    if not rules:
        return _NOTHING
    alternatives = ")|(".join(_as_expression(rule.removeprefix("/")) for rule in rules)
    return re.compile(rf"(({alternatives}))\b", re.ASCII)


def _as_expression(rule: str) -> str:
    escaped = re.sub(r"[-\[\]/{}()+?.\\^$|]", r"\\\g<0>", rule)
    return escaped.replace("**", "(.+)").replace("*", r"([^\/]+)")
