"""Runs the embedded host again and again, and kills it right after its first durable commit: crash points.

Wraps the store's commit from outside. A host that finds unfinished work claims it first; that commit is no progress,
and a life that always died of it would prove nothing more, so it is a crash point once and passed over from then on.
The words go to the host. Each life is forked from here, so that the libraries are imported once; ends with the first
life that is not killed, or after ``CRASH_LIVES`` of them. Standard output: one line per life.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

import PIL.Image  # noqa: F401 (the app's libraries, loaded once for all lives; the app itself is loaded by each)

from functions_host.__main__ import main
from functions_host.durable.storing.store import Store, Unit

_CLAIM = "UPDATE work SET lease_owner"
_commit = Store._commit


def _commit_then_crash(self: Store, db: sqlite3.Connection, units: Sequence[Unit]) -> None:
    _commit(self, db, units)
    statements = [sql for unit in units for sql, _ in unit.statements]
    if not all(sql.startswith(_CLAIM) for sql in statements):
        os.kill(os.getpid(), signal.SIGKILL)
    elif not _CLAIMED_ONCE.exists():
        _CLAIMED_ONCE.touch()
        os.kill(os.getpid(), signal.SIGKILL)


_life = 0
_stopping = False


def _stop(number: int, _frame: object) -> None:
    global _stopping
    _stopping = True
    if _life:
        with contextlib.suppress(ProcessLookupError):
            os.kill(_life, number)


_CLAIMED_ONCE = Path(os.environ["CRASH_CLAIMED"])
Store._commit = _commit_then_crash  # type: ignore[method-assign]
signal.signal(signal.SIGTERM, _stop)
for number in range(int(os.environ["CRASH_LIVES"])):
    if _stopping:
        sys.exit(0)
    _life = os.fork()
    if _life == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # until the host has its own
        os._exit(main(sys.argv[1:]))
    if _stopping:  # by the handler, which mypy does not know to run in between
        os.kill(_life, signal.SIGKILL)  # type: ignore[unreachable]  # this one would outlive us
    _, status = os.waitpid(_life, 0)
    code = os.waitstatus_to_exitcode(status)
    print(f"life {number + 1} ended with {code}", flush=True)
    if code != -signal.SIGKILL:
        sys.exit(max(code, 0))
sys.exit(1)
