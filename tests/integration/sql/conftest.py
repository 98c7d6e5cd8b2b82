"""Empty databases on a live T-SQL engine, where TEST_SQL_CONNECTION_STRING names one."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from sql_migrations import odbc

NO_SERVER = "TEST_SQL_CONNECTION_STRING is not set: no live T-SQL engine to test against"


def with_database(connection_string: str, database: str) -> str:
    pairs = odbc.keywords(connection_string) | {"database": database}
    return ";".join(f"{key}={value}" for key, value in pairs.items())


@pytest.fixture
def new_database() -> Iterator[Callable[[], str]]:
    """Makes empty databases beside the one that is named, and drops them afterwards."""
    base = os.environ.get("TEST_SQL_CONNECTION_STRING")
    if not base:
        pytest.skip(NO_SERVER)
    made: list[str] = []
    with closing(odbc.connect(with_database(base, "master"))) as master:

        def make() -> str:
            made.append(f"pipeline_test_{uuid.uuid4().hex[:12]}")
            master.execute(f"CREATE DATABASE {made[-1]}")
            return with_database(base, made[-1])

        yield make
        for name in made:
            _drop(master, name)


def _drop(master: Any, name: str) -> None:
    """A server notices a connection that was cut by a test only after a moment."""
    import pyodbc

    for attempt in range(20):
        try:
            master.execute(f"DROP DATABASE {name}")
            return
        except pyodbc.Error:
            if attempt == 19:
                raise
            time.sleep(0.5)
