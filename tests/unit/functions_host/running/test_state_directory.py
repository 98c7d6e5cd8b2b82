"""A host refuses a state directory that it cannot read, and names the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from functions_host.errors import StateDamagedError
from functions_host.running.state_directory import StateDirectory


def database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("y" * 1000,) for _ in range(50)])


def test_whole_and_empty_files_are_taken(tmp_path: Path) -> None:
    database(tmp_path / "hub.db")
    (tmp_path / "new.db").touch()
    (tmp_path / "timers.json").write_text("{}")
    StateDirectory(tmp_path).close()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("timers.json", b'{"sweep": {"last": '),
        ("keys.json", b"\xff\xfe\x00"),
        ("blobs.db", b"garbage" * 1000),
    ],
)
def test_a_damaged_file_is_named_and_the_lock_given_back(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StateDamagedError, match=name):
        StateDirectory(tmp_path)
    (tmp_path / name).unlink()
    StateDirectory(tmp_path).close()


def test_a_database_that_was_cut_is_found_before_it_is_used(tmp_path: Path) -> None:
    database(tmp_path / "hub.db")
    (tmp_path / "hub.db").write_bytes((tmp_path / "hub.db").read_bytes()[:9000])
    with pytest.raises(StateDamagedError, match=r"hub\.db"):
        StateDirectory(tmp_path)
