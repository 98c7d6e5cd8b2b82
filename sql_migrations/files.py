"""The migration files of one dialect, read and checked for names alone."""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from sql_migrations.errors import MigrationError

_VERSIONED = re.compile(r"V(\d{3,9})__[a-z0-9_]+\.sql")
_REPEATABLE = re.compile(r"R__[a-z0-9_]+\.sql")


@dataclass(frozen=True)
class MigrationFile:
    """One file: ``version`` is None for a repeatable one (``R__*.sql``)."""

    name: str
    version: int | None
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 (hex) of the text with newlines normalised: a checkout on Windows changes nothing."""
        return hashlib.sha256(self.text.encode("utf-8")).hexdigest()


def folder_for(dialect: str) -> Path:
    """The folder that holds the migrations of ``sqlite`` or ``mssql``."""
    return Path(__file__).parent / dialect


def read_folder(folder: Path) -> list[MigrationFile]:
    """All migrations of a folder: versioned ones in order, then repeatable ones by name.

    Raises MigrationError for a badly named ``.sql`` file, a version used twice, or text that is not UTF-8.
    """
    files = [_read(path) for path in sorted(folder.glob("*.sql"))]
    versioned = sorted((f for f in files if f.version is not None), key=lambda f: f.version or 0)
    for earlier, later in itertools.pairwise(versioned):
        if earlier.version == later.version:
            raise MigrationError(f"{earlier.name} and {later.name} have the same version")
    return versioned + [f for f in files if f.version is None]


def _read(path: Path) -> MigrationFile:
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise MigrationError(f"{path.name} is not UTF-8 text") from error
    versioned = _VERSIONED.fullmatch(path.name)
    if versioned:
        return MigrationFile(path.name, int(versioned.group(1)), text)
    if _REPEATABLE.fullmatch(path.name):
        return MigrationFile(path.name, None, text)
    raise MigrationError(f"{path.name} is neither V<number>__<words>.sql nor R__<words>.sql (lower case)")
