"""``recover`` moves away what cannot be read, and touches nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_stack.run.recover import set_damaged_aside
from local_stack.state_folder import StateFolder

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """A state folder in which all is whole."""
    made = StateFolder(tmp_path)
    made.create()
    for path in (made.database, made.host / "blobs.db"):
        with closing(sqlite3.connect(path)) as database, database:
            database.execute("CREATE TABLE t (x)")
            database.executemany("INSERT INTO t VALUES (?)", [("y" * 1000,) for _ in range(50)])
    (made.host / "timers.json").write_text("{}")
    (made.host / "empty.db").touch()
    (made.inbox / "a.png").write_bytes(b"1")
    return made


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_what_is_whole_stays_where_it_is(state: StateFolder) -> None:
    before = names(state.root)
    assert set_damaged_aside(state, NOW) == []
    assert names(state.root) == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: (state.host / "timers.json").write_text('{"a": '),
        lambda state: (state.host / "blobs.db").write_bytes(b"not a database" * 100),
        lambda state: (state.host / "blobs.db").write_bytes((state.host / "blobs.db").read_bytes()[:9000]),
    ],
    ids=["half_written_json", "overwritten_database", "truncated_database"],
)
def test_a_damaged_host_goes_as_a_whole(state: StateFolder, damage: Callable[[StateFolder], object]) -> None:
    damage(state)
    [(path, why)] = set_damaged_aside(state, NOW)
    assert path == state.host
    assert why
    assert not state.host.exists()
    assert "blobs.db" in names(state.root / "damaged" / "20260101t000000" / "host")
    assert state.database.exists()
    assert (state.inbox / "a.png").exists()


def test_a_damaged_result_database_takes_its_journal_along(state: StateFolder) -> None:
    state.database.write_bytes(b"not a database" * 100)
    journal = state.database.with_name("results.db-wal")
    journal.write_bytes(b"x")
    assert [path for path, _ in set_damaged_aside(state, NOW)] == [state.database]
    assert not state.database.exists()
    assert not journal.exists()
    assert (state.host / "blobs.db").exists()
