"""The reply to COMMIT is lost, or the commit itself is: exactly one row each, with the right sum."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import pytest
from kit.report import Report

from function_app.errors import Transient
from function_app.models.identity import run_id_of
from function_app.models.runs import Outcome, RunRecord, Score
from function_app.results.sqlite.database import SqliteDatabase
from function_app.results.store import SqlResultStore
from sql_migrations import runner
from sql_migrations.engine import open_engine
from sql_migrations.files import folder_for, read_folder

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Fault:
    """What happens to the next COMMIT: ``reply`` it is done and not told, ``commit`` it is not done, ``busy``."""

    next: str | None = None


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *words: Any) -> Self:
        if sql != "COMMIT" or Fault.next is None:
            return super().execute(sql, *words)
        fault, Fault.next = Fault.next, None
        if fault == "reply":
            super().execute(sql, *words)
        error = sqlite3.OperationalError("the connection is gone")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY if fault == "busy" else sqlite3.SQLITE_IOERR
        raise error


class _Connection(sqlite3.Connection):
    def cursor(self, *words: Any) -> sqlite3.Cursor:  # type: ignore[override]
        return super().cursor(_Cursor)


@pytest.mark.parametrize("fault", ["reply", "commit", "busy"])
def test_commit_fault_a_hundred_times_leaves_one_right_row_each(
    tmp_path: Path, report: Report, seed: int, fault: str
) -> None:
    path = tmp_path / "results.db"
    engine = open_engine(f"sqlite:///{path}")
    runner.up(engine, read_folder(folder_for(engine.dialect)))
    store = SqlResultStore(SqliteDatabase(path, _Connection))
    chance = random.Random(seed)
    sums = {}
    for number in range(100):
        run_id = run_id_of("img", f"faulty/{number}.png", "0x1")
        sums[run_id] = chance.randrange(261_121)
        record = RunRecord(run_id=run_id, container="img", blob_name=f"faulty/{number}.png", etag="0x1", size_bytes=1,
                           outcome=Outcome.SCORED, attempt=1, finished_at=NOON)  # fmt: skip
        scores = (Score("pixel_sum", "1", sums[run_id], NOON),)
        Fault.next = fault
        with pytest.raises(Transient):
            store.record_scored(record, scores)
        store.record_scored(record, scores)
    store.close()
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT run_id, value FROM scores").fetchall()
        runs = database.execute("SELECT count(*) FROM runs").fetchone()[0]
    wrong = sum(sums[run_id] != value for run_id, value in rows)
    report.zeros(report.figures(lost=100 - len(rows), duplicate=runs - 100, wrong=wrong, images=100))
