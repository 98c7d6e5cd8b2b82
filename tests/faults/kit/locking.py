"""Somebody else's hand on the SQLite database."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from kit.pipeline import Pipeline


@contextlib.contextmanager
def locked(pipeline: Pipeline) -> Iterator[None]:
    """Somebody else holds the database's write lock for the length of the block."""
    blocker = sqlite3.connect(pipeline.state.database, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()
