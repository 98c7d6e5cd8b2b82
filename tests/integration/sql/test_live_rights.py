"""Least privilege on a live T-SQL engine: the rights that deployment grants are enough for the store, and no more."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from database_connection import connection_string
from function_app.models.identity import run_id_of
from function_app.models.runs import Outcome, Recorded, RunFilter, RunRecord, Score
from function_app.results.mssql.database import open_mssql_store
from sql_migrations import runner
from sql_migrations.files import folder_for, read_folder
from sql_migrations.mssql_engine import MssqlEngine, connect

pytestmark = [pytest.mark.live_sql, pytest.mark.timeout(300)]
HOOKS = Path(__file__).resolve().parents[3] / "infra" / "hooks"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORD = "Wr1ter-word"


@pytest.fixture(scope="module")
def as_app(new_database: Callable[[], str]) -> Iterator[str]:
    """The connection string of a user who has the app's role, on a migrated database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(HOOKS))
        from app_user import RIGHTS

    database = new_database()
    runner.up(MssqlEngine(database), read_folder(folder_for("mssql")))
    login = f"app_{uuid.uuid4().hex[:12]}"
    with closing(connect(database)) as owner:
        for statement in (
            f"CREATE LOGIN {login} WITH PASSWORD = '{WORD}'",
            f"CREATE USER {login} FOR LOGIN {login}",
            RIGHTS,
            f"ALTER ROLE scoring_app ADD MEMBER {login}",
        ):
            _drained(owner.execute(statement))
        pairs = connection_string.parse(database) | {"uid": login, "pwd": WORD}
        yield connection_string.write(pairs)
        _drained(owner.execute(f"DROP USER {login}"))
        _drained(owner.execute(f"DROP LOGIN {login}"))


def _drained(cursor: Any) -> None:
    while cursor.nextset():
        pass


def run(name: str, outcome: Outcome, attempt: int = 1) -> RunRecord:
    reason = None if outcome is Outcome.SCORED else "bad_crc"
    return RunRecord(
        run_id_of("img", name, "0x1"), "img", name, "0x1", 9, outcome, attempt, NOW, reason=reason
    )


def test_the_store_does_all_its_work_with_the_granted_rights(as_app: str) -> None:
    store = open_mssql_store(as_app)
    assert store.ping().schema_version >= 2
    score = Score("pixel_sum", "1", 7, NOW)
    assert store.record_scored(run("a", Outcome.SCORED), [score]) is Recorded.INSERTED
    assert store.record_rejected(run("b", Outcome.REJECTED)) is Recorded.INSERTED
    assert store.record_scored(run("b", Outcome.SCORED, attempt=2), [score]) is Recorded.REPLACED
    assert store.record_scored(run("a", Outcome.SCORED), [score]) is Recorded.ALREADY_RECORDED
    assert [stored.scores for stored in store.page(RunFilter()).runs] == [(score,), (score,)]
    assert store.counts().scored == store.stats().counts.scored == 2
    store.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM dbo.runs",
        "DELETE FROM dbo.scores",
        "UPDATE dbo.scores SET value = 1",
        "UPDATE dbo.schema_history SET version = 1",
        "INSERT INTO dbo.schema_history (file_name) VALUES ('x')",
        "DROP TABLE dbo.scores",
        "ALTER TABLE dbo.runs ADD x INT",
        "CREATE TABLE dbo.x (a INT)",
    ],
)
def test_what_the_app_never_does_is_refused(as_app: str, statement: str) -> None:
    import pyodbc

    with closing(connect(as_app)) as app, pytest.raises(pyodbc.Error):
        app.execute(statement)
