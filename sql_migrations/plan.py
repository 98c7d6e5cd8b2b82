"""What must be done to a database, and what forbids it: decided from files and history alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sql_migrations.files import MigrationFile
from sql_migrations.sql_text import data_losing_statement

APPLIED = "applied"
REALIGNED = "realigned"  # `repair` took the file's present text as the one that was applied
RETIRED = "retired"  # `repair` accepted that the file is gone


@dataclass(frozen=True)
class HistoryEntry:
    """One line of the database's own record; the last line about a file is its state."""

    file_name: str
    version: int | None
    checksum: str
    action: str
    applied_at: str = ""


@dataclass(frozen=True)
class Problem:
    """Why nothing may be applied. ``kind``: changed, missing, out_of_order or loses_data."""

    kind: str
    file_name: str
    sentence: str


@dataclass(frozen=True)
class Plan:
    """Files to apply, in order, and the problems that forbid applying any of them."""

    applied: tuple[HistoryEntry, ...]
    pending: tuple[MigrationFile, ...]
    problems: tuple[Problem, ...]


def make_plan(files: Sequence[MigrationFile], history: Sequence[HistoryEntry]) -> Plan:
    """Compare the files with the history. A changed repeatable file is pending again, not a problem."""
    state = {entry.file_name: entry for entry in history}
    present = {file.name for file in files}
    newest = max((e.version for e in state.values() if e.version is not None), default=0)
    pending = [f for f in files if _is_pending(f, state.get(f.name))]
    problems = [
        *(_changed(f) for f in files if _is_changed(f, state.get(f.name))),
        *(_missing(e) for e in state.values() if e.file_name not in present and e.action != RETIRED),
        *(_out_of_order(f, newest) for f in pending if f.version is not None and f.version <= newest),
        *(_loses_data(f, words) for f in pending if (words := data_losing_statement(f.text))),
    ]
    return Plan(tuple(state.values()), tuple(pending), tuple(problems))


def repairs(files: Sequence[MigrationFile], history: Sequence[HistoryEntry]) -> list[HistoryEntry]:
    """The history lines `repair` adds: new checksums for changed files, retirement for missing ones."""
    state = {entry.file_name: entry for entry in history}
    present = {file.name for file in files}
    realigned = [
        HistoryEntry(f.name, f.version, f.checksum, REALIGNED)
        for f in files
        if _is_changed(f, state.get(f.name))
    ]
    retired = [
        HistoryEntry(e.file_name, e.version, e.checksum, RETIRED)
        for e in state.values()
        if e.file_name not in present and e.action != RETIRED
    ]
    return realigned + retired


def _is_pending(file: MigrationFile, entry: HistoryEntry | None) -> bool:
    return entry is None or (file.version is None and entry.checksum != file.checksum)


def _is_changed(file: MigrationFile, entry: HistoryEntry | None) -> bool:
    return entry is not None and file.version is not None and entry.checksum != file.checksum


def _changed(file: MigrationFile) -> Problem:
    return Problem(
        "changed",
        file.name,
        f"{file.name} was changed after it was applied: restore it, and put the change in a new file",
    )


def _missing(entry: HistoryEntry) -> Problem:
    return Problem(
        "missing", entry.file_name, f"{entry.file_name} was applied to this database, but the file is gone"
    )


def _out_of_order(file: MigrationFile, newest: int) -> Problem:
    return Problem(
        "out_of_order",
        file.name,
        f"{file.name} is pending, but version {newest} is already applied: give it a higher number",
    )


def _loses_data(file: MigrationFile, words: str) -> Problem:
    return Problem(
        "loses_data", file.name, f"{file.name} contains '{words}': a migration never drops or deletes data"
    )
