"""Applying what the plan says: one transaction per file, each decided anew under the deployers' lock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sql_migrations.engine import Engine
from sql_migrations.errors import MigrationError
from sql_migrations.files import MigrationFile
from sql_migrations.plan import APPLIED, HistoryEntry, Plan, make_plan, repairs


def plan(engine: Engine, files: Sequence[MigrationFile]) -> Plan:
    """What `up` would do now; changes nothing."""
    return make_plan(files, engine.read_history())


def up(
    engine: Engine,
    files: Sequence[MigrationFile],
    announce: Callable[[str, int], None] = lambda name, milliseconds: None,
) -> list[str]:
    """Apply every pending file and return their names.

    A second deployer waits for the lock and then finds nothing left to do. Raises MigrationError; the
    files before the one that failed stay applied, nothing of the one that failed does.
    """
    done: list[str] = []
    while True:
        # Read without the lock first, so that an up-to-date database is not even written to.
        if not _allowed(plan(engine, files)):
            return done
        with engine.exclusive() as session:
            pending = _allowed(make_plan(files, session.history()))
            if not pending:
                return done
            file, started = pending[0], time.monotonic()
            session.run(file)
            milliseconds = int((time.monotonic() - started) * 1000)
            session.record(HistoryEntry(file.name, file.version, file.checksum, APPLIED), milliseconds)
        done.append(file.name)
        announce(file.name, milliseconds)


def repair(engine: Engine, files: Sequence[MigrationFile], dry_run: bool = False) -> list[HistoryEntry]:
    """Accept changed and missing files as they are now, by adding to the record; touches no table but it."""
    if dry_run or not repairs(files, engine.read_history()):
        return repairs(files, engine.read_history())
    with engine.exclusive() as session:
        entries = repairs(files, session.history())
        for entry in entries:
            session.record(entry, 0)
    return entries


def _allowed(the_plan: Plan) -> Sequence[MigrationFile]:
    if the_plan.problems:
        raise MigrationError("; ".join(problem.sentence for problem in the_plan.problems))
    return the_plan.pending
