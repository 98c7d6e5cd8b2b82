"""The runner on real SQLite files: twice, half, two at once, killed in the middle."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from sql_migrations import runner
from sql_migrations.cli import main
from sql_migrations.errors import DatabaseUnreachableError, MigrationError
from sql_migrations.files import folder_for, read_folder
from sql_migrations.sqlite_engine import SqliteEngine

FILES = read_folder(folder_for("sqlite"))
NAMES = [file.name for file in FILES]


def schema_of(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "runs.db"


def test_up_makes_the_folder_the_file_and_every_table(path: Path) -> None:
    assert runner.up(SqliteEngine(path), FILES) == NAMES
    tables = {name for name, _ in schema_of(path)}
    assert {
        "runs",
        "scores",
        "attempts",
        "latest_score_per_image",
        "hourly_counts",
        "rejected_by_reason",
    } <= tables


def test_up_twice_changes_nothing(path: Path) -> None:
    engine = SqliteEngine(path)
    runner.up(engine, FILES)
    before = schema_of(path), engine.read_history()
    assert runner.up(engine, FILES) == []
    assert (schema_of(path), engine.read_history()) == before


@pytest.mark.parametrize("applied_before", range(len(FILES)))
def test_upgrade_from_every_earlier_version_ends_in_the_same_schema(
    path: Path, tmp_path: Path, applied_before: int
) -> None:
    runner.up(SqliteEngine(path), FILES[:applied_before])
    runner.up(SqliteEngine(path), FILES)
    fresh = tmp_path / "fresh.db"
    runner.up(SqliteEngine(fresh), FILES)
    assert schema_of(path) == schema_of(fresh)


def test_a_file_that_fails_half_way_leaves_nothing_of_itself(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    folder.mkdir()
    (folder / "V001__a.sql").write_text("CREATE TABLE a (x INTEGER);")
    (folder / "V002__b.sql").write_text("CREATE TABLE b (x INTEGER); INSERT INTO nowhere VALUES (1);")
    engine = SqliteEngine(path)
    with pytest.raises(MigrationError, match=r"V002__b\.sql, statement 2: no such table: nowhere"):
        runner.up(engine, read_folder(folder))
    assert [entry.file_name for entry in engine.read_history()] == ["V001__a.sql"]
    assert "b" not in {name for name, _ in schema_of(path)}


def test_two_deployers_at_once_apply_every_file_once(path: Path) -> None:
    done: list[str] = []
    errors: list[BaseException] = []

    def deploy() -> None:
        try:
            done.extend(runner.up(SqliteEngine(path), FILES))
        except BaseException as error:
            errors.append(error)

    deployers = [threading.Thread(target=deploy) for _ in range(4)]
    for deployer in deployers:
        deployer.start()
    for deployer in deployers:
        deployer.join()
    assert errors == []
    assert sorted(done) == sorted(NAMES)
    assert [entry.file_name for entry in SqliteEngine(path).read_history()] == NAMES


def test_a_deployer_waits_for_one_that_has_just_made_the_file(path: Path) -> None:
    """SQLite answers 'locked' at once to a switch to WAL while another writes the still new file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE first (x)")
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.2, other.execute, ["COMMIT"])
        release.start()
        assert runner.up(SqliteEngine(path), FILES) == NAMES
        release.join()


def test_a_lock_that_is_never_released_is_an_error_in_words(path: Path) -> None:
    runner.up(SqliteEngine(path), FILES[:1])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseUnreachableError, match="locked"):
            runner.up(SqliteEngine(path, lock_wait_seconds=0.05), FILES)


def test_a_deployer_killed_at_any_moment_leaves_a_database_that_up_finishes(
    path: Path, tmp_path: Path
) -> None:
    reference = tmp_path / "reference.db"
    runner.up(SqliteEngine(reference), FILES)
    command = [sys.executable, "-m", "sql_migrations", "up", "--database"]
    started = time.monotonic()
    subprocess.run([*command, f"sqlite:///{tmp_path / 'timed.db'}"], check=True, capture_output=True)
    whole = time.monotonic() - started
    for kill in range(20):
        target = tmp_path / f"killed-{kill}.db"
        process = subprocess.Popen([*command, f"sqlite:///{target}"], stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=whole * (0.5 + kill / 40))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        runner.up(SqliteEngine(target), FILES)
        assert schema_of(target) == schema_of(reference)


def test_commands_tell_their_state_by_exit_code_and_json(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = ["--json", "--database", f"sqlite:///{path}"]

    def answer(command: str, *more: str) -> tuple[int, dict[str, object]]:
        code = main([command, *more, *database])
        return code, json.loads(capsys.readouterr().out)

    assert answer("plan")[0] == 1
    assert answer("up", "--dry-run")[1]["pending"] == NAMES
    assert not path.exists()
    code, applied = answer("up")
    assert (code, applied["applied_now"], applied["pending"]) == (0, NAMES, [])
    code, status = answer("status")
    assert (code, status["pending"], status["problems"]) == (0, [], [])


def test_repair_accepts_a_changed_file_and_dry_run_only_says_so(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sql"
    folder.mkdir()
    (folder / "V001__a.sql").write_text("CREATE TABLE a (x INTEGER);")
    options = ["--database", f"sqlite:///{path}", "--folder", str(folder)]
    assert main(["up", *options]) == 0
    (folder / "V001__a.sql").write_text("CREATE TABLE a (x INTEGER); -- now with words")
    assert main(["up", *options]) == 1
    assert "V001__a.sql was changed after it was applied" in capsys.readouterr().err
    assert main(["repair", "--dry-run", *options]) == 1
    assert main(["repair", *options]) == 0
    assert main(["up", *options]) == 0


@pytest.mark.parametrize("database", ["", "postgres://x/y", "sqlite:///", "just words"])
def test_a_database_that_is_none_is_refused(
    database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SQL_CONNECTION_STRING", raising=False)
    assert main(["status", "--database", database]) in (1, 2)
    assert capsys.readouterr().err


def test_a_file_that_is_no_database_is_an_error_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database" * 100)
    assert main(["up", "--database", f"sqlite:///{tmp_path / 'x.db'}"]) == 1
    assert "not a database" in capsys.readouterr().err
