"""Runs the embedded host and kills it right after its n-th durable commit: crash points of one orchestration.

Wraps the store's commit from outside; ``CRASH_AFTER_COMMIT`` is n. The rest of the words go to the host.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Sequence

from functions_host.cli import main
from functions_host.durable.store import Store, Unit

_left = int(os.environ["CRASH_AFTER_COMMIT"])
_commit = Store._commit


def _commit_then_crash(self: Store, db: sqlite3.Connection, units: Sequence[Unit]) -> None:
    global _left
    _commit(self, db, units)
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


Store._commit = _commit_then_crash  # type: ignore[method-assign]
sys.exit(main(sys.argv[1:]))
