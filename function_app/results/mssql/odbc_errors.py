"""What an error of SQL Server means: sentences of our own, by native number and SQLSTATE.

The driver's own text is never passed on: it may quote the connection string. Only errors in the statement
or its values are Permanent. A wrong password, a missing table or a missing right can be repaired by an operator
while runs wait and show why; ending runs for them would lose images (docs/reliability.md).
"""

from __future__ import annotations

import re

from function_app.errors import Misconfigured, Permanent, PipelineError, StoreUnavailable
from function_app.results.database import DeadlockVictim, DuplicateKey

DUPLICATE = {2601, 2627}
DEADLOCK = {1205, 3960}

BUSY = "the database is busy and asks to come back later"
FAILING_OVER = "the database is moving to another server"
CONNECTION_LOST = "the connection to the database was lost"

# number: (reason code, sentence)
WAITING: dict[int, tuple[str, str]] = {
    40613: ("database_resuming", "the database is resuming or not available yet"),
    40197: ("store_unavailable", FAILING_OVER),
    40540: ("store_unavailable", FAILING_OVER),
    40143: ("store_unavailable", FAILING_OVER),
    40166: ("store_unavailable", FAILING_OVER),
    40501: ("store_busy", BUSY),
    49918: ("store_busy", BUSY),
    49919: ("store_busy", BUSY),
    49920: ("store_busy", BUSY),
    10928: ("store_busy", BUSY),
    10929: ("store_busy", BUSY),
    10936: ("store_busy", BUSY),
    1222: ("store_busy", "a lock was not granted in time"),
    701: ("store_busy", "the server is out of memory"),
    4060: ("database_unavailable", "the database cannot be opened: it is away, or its name is wrong"),
    4221: ("store_unavailable", FAILING_OVER),
    233: ("store_unavailable", CONNECTION_LOST),
    64: ("store_unavailable", CONNECTION_LOST),
    10053: ("store_unavailable", CONNECTION_LOST),
    10054: ("store_unavailable", CONNECTION_LOST),
    10060: ("store_unavailable", "the database server does not answer"),
    596: ("store_unavailable", "the server ended the session"),
    1105: ("store_full", "the database has no room left"),
    9002: ("store_full", "the transaction log is full"),
    40544: ("store_full", "the database has reached its size quota"),
    3906: ("store_read_only", "the database is read-only"),
    3908: ("store_unavailable", "the database is being recovered"),
    18456: ("sign_in_failed", "the database refuses the sign-in: check the identity or the password"),
    18452: ("sign_in_failed", "the database refuses the sign-in: check the identity or the password"),
    18470: ("sign_in_failed", "the account of the sign-in is disabled"),
    18487: ("sign_in_failed", "the password of the sign-in has expired"),
    40615: ("firewall", "the server's firewall refuses this address"),
    40914: ("firewall", "the server's firewall refuses this network"),
    229: ("not_permitted", "the identity lacks a right on a table: see docs/azure-sql.md"),
    230: ("not_permitted", "the identity lacks a right on a column: see docs/azure-sql.md"),
    916: ("not_permitted", "the identity is no user of the database: see docs/azure-sql.md"),
    208: ("not_migrated", "tables are missing: run `python -m sql_migrations up`"),
    207: ("not_migrated", "columns are missing: run `python -m sql_migrations up`"),
}

# In the statement or its values: sending the same again cannot help.
REFUSED: dict[int, str] = {
    8152: "a text is too long for its column",
    2628: "a text is too long for its column",
    8115: "a number is too large for its column",
    220: "a number is too large for its column",
    245: "a value does not convert to its column's type",
    241: "a time is not understood",
    242: "a time is out of range",
    8114: "a value does not convert to its column's type",
    515: "a value that must be there is null",
    547: "a check or a foreign key forbids the value",
    102: "the statement is not understood",
    156: "the statement is not understood",
    8144: "the statement has too many parameters",
    8003: "the statement has too many parameters",
}

_BY_STATE: tuple[tuple[str, str, str], ...] = (
    ("HYT", "store_timeout", "the database did not answer in time"),
    ("08", "store_unavailable", "the database server cannot be reached"),
    ("28", "sign_in_failed", WAITING[18456][1]),
    ("40", "store_unavailable", "the transaction was undone by the server"),
    ("42S", "not_migrated", WAITING[208][1]),
)
_PERMANENT_STATES = ("22", "23", "21", "07", "HY003", "HY004", "HY090", "HY104", "HYC00")
_MISSING_DRIVER = ("Can't open lib", "Data source name not found", "IM002", "IM003")
# pyodbc joins its records as "[state] text (native) (function); [state] text (native)".
_NATIVE = re.compile(r"\((-?\d+)\)(?= \(SQL\w+\)|; \[|$| *\()")
_STATE = re.compile(r"[0-9A-Z]{5}")


def translated(error: Exception) -> PipelineError | DuplicateKey:
    """The pyodbc error as Transient, Permanent or DuplicateKey; carries nothing of the driver's text."""
    state, numbers = state_and_numbers(error)
    where = f"(SQLSTATE {state}{''.join(f', error {number}' for number in numbers[:1])})"
    text = " ".join(str(part) for part in error.args)
    if state == "23000" and DUPLICATE & set(numbers):
        return DuplicateKey()
    if any(sign in text for sign in _MISSING_DRIVER):
        return Misconfigured("the ODBC driver named in SQL_CONNECTION_STRING cannot be loaded")
    for number in numbers:
        if number in DEADLOCK:
            return DeadlockVictim(f"the server undid the transaction to free another {where}")
        if number in WAITING:
            reason, sentence = WAITING[number]
            return StoreUnavailable(f"{sentence} {where}", reason=reason)
        if number in REFUSED:
            return Permanent(
                f"the database refused the statement: {REFUSED[number]} {where}", reason="store_error"
            )
    if state == "40001":
        return DeadlockVictim(f"the server undid the transaction to free another {where}")
    if state.startswith(_PERMANENT_STATES):
        return Permanent(f"the database refused the statement {where}", reason="store_error")
    for prefix, reason, sentence in _BY_STATE:
        if state.startswith(prefix):
            return StoreUnavailable(f"{sentence} {where}", reason=reason)
    return StoreUnavailable(f"the database reports an error {where}")


def state_and_numbers(error: Exception) -> tuple[str, list[int]]:
    """The SQLSTATE, and the server's numbers in the order of its records."""
    state = str(error.args[0]) if error.args else ""
    text = str(error.args[1]) if len(error.args) > 1 else ""
    numbers = [int(number) for number in _NATIVE.findall(text)]
    return (state if _STATE.fullmatch(state) else "HY000"), [number for number in numbers if number > 0]
