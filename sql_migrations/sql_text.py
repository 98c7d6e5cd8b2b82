"""Reading SQL text without running it: what is code, where batches end, what would lose data.

Knows strings, quoted names and comments of both dialects, nothing of grammar.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator

_CLOSERS = {"'": "'", '"': '"', "[": "]"}
_GO = re.compile(r"^[ \t]*GO(?:[ \t]+(\d+))?[ \t]*$", re.IGNORECASE | re.MULTILINE)
_LOSES_DATA = re.compile(
    r"\b(?:DROP\s+(?!(?:VIEW|INDEX|TRIGGER)\b)\w+|TRUNCATE\s+\w+|(?<!ON )DELETE\s+\w+|REPLACE\s+INTO)\b",
    re.IGNORECASE,
)


def code_only(text: str) -> str:
    """The text, same length, with comments blanked and the inside of strings and quoted names crossed out.

    Block comments nest, as T-SQL has it. Line ends survive only where they are code, so that a ``GO``
    on a line of its own inside a string is not seen as a separator.
    """
    masked: list[str] = []
    at = 0
    while at < len(text):
        if text.startswith("--", at):
            end = text.find("\n", at)
            end = len(text) if end < 0 else end
            masked.append(" " * (end - at))
        elif text.startswith("/*", at):
            end = _end_of_block_comment(text, at)
            masked.append(" " * (end - at))
        elif text[at] in _CLOSERS:
            end = _end_of_quoted(text, at)
            masked.append("x" * (end - at))
        else:
            end = at + 1
            masked.append(text[at])
        at = end
    return "".join(masked)


def _end_of_block_comment(text: str, start: int) -> int:
    depth, at = 0, start
    while at < len(text):
        if text.startswith("/*", at):
            depth, at = depth + 1, at + 2
        elif text.startswith("*/", at):
            depth, at = depth - 1, at + 2
            if depth == 0:
                return at
        else:
            at += 1
    return len(text)


def _end_of_quoted(text: str, start: int) -> int:
    closer, at = _CLOSERS[text[start]], start + 1
    while at < len(text):
        if text[at] == closer:
            if text[at + 1 : at + 2] != closer:
                return at + 1
            at += 1
        at += 1
    return len(text)


def go_batches(text: str) -> list[str]:
    """T-SQL text cut at lines that hold ``GO`` or ``GO n`` alone; ``GO n`` repeats its batch n times."""
    code = code_only(text)
    batches: list[str] = []
    start = 0
    for separator in _GO.finditer(code):
        repeat = int(separator.group(1) or 1)
        batches += _batch(text, code, start, separator.start()) * repeat
        start = separator.end()
    return batches + _batch(text, code, start, len(text))


def _batch(text: str, code: str, start: int, end: int) -> list[str]:
    return [text[start:end].strip()] if code[start:end].strip() else []


def sqlite_statements(text: str) -> list[str]:
    """SQLite text cut into single statements, so that all of them fit in one transaction.

    (``executescript`` would commit first.) Triggers keep the semicolons of their bodies.
    """
    return list(_cut_at_semicolons(text, code_only(text)))


def _cut_at_semicolons(text: str, code: str) -> Iterator[str]:
    start = 0
    for at, character in enumerate(code):
        if character == ";" and sqlite3.complete_statement(text[start : at + 1]):
            yield text[start : at + 1].strip()
            start = at + 1
    if code[start:].strip():
        yield text[start:].strip()


def data_losing_statement(text: str) -> str | None:
    """The first words of a statement that would lose data, or None. Views and indexes hold none."""
    found = _LOSES_DATA.search(code_only(text))
    return " ".join(found.group(0).split()) if found else None
