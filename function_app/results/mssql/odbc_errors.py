"""What an error of SQL Server means: sentences of our own, by native number and SQLSTATE.

The driver's own text may quote the connection string and values of rows. It is passed on only where nothing here
knows the error, one sentence of it, with whatever is quoted or follows an equals sign masked. Only errors in the
statement or its values are Permanent. A wrong password, a missing table or a missing right can be repaired by an
operator while runs wait and show why; ending runs for them would lose images (docs/reliability.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from database_connection.connection_string import without_password
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
    615: ("store_unavailable", FAILING_OVER),
    926: ("store_unavailable", "the database is being recovered"),
    976: ("store_unavailable", FAILING_OVER),
    983: ("store_unavailable", FAILING_OVER),
    1204: ("store_busy", "the server has no locks left"),
    8645: ("store_busy", "the server is out of memory"),
    8651: ("store_busy", "the server is out of memory"),
    10922: ("store_busy", BUSY),
    11001: (
        "store_unavailable",
        "the database server's name is not known: check Server in SQL_CONNECTION_STRING",
    ),
    17142: ("store_unavailable", "the server is paused"),
    18401: ("store_unavailable", "the server is being upgraded"),
    18451: ("store_unavailable", "the server takes administrators only at this time"),
    18461: ("store_unavailable", "the server is in single-user mode"),
    40532: (
        "database_unavailable",
        "the server knows no such database or sign-in: check Server and Database",
    ),
    4064: ("database_unavailable", "the database cannot be opened: it is away, or its name is wrong"),
    40549: ("store_busy", "the server ended the session: its transaction took too long"),
    40551: ("store_busy", "the server ended the session: it took too much room in tempdb"),
    40552: ("store_busy", "the server ended the session: it took too much of the log"),
    40553: ("store_busy", "the server ended the session: it took too much memory"),
    40648: ("store_busy", BUSY),
    40671: ("store_busy", BUSY),
    42108: ("database_resuming", "the database is paused"),
    42109: ("database_resuming", "the database is resuming or not available yet"),
    42119: (
        "free_amount_used_up",
        "the free amount of this month is used up and the database is paused: let it continue with charges, or wait",
    ),
    18456: ("sign_in_failed", "the database refuses the sign-in: check the identity or the password"),
    18452: ("sign_in_failed", "the database refuses the sign-in: check the identity or the password"),
    18470: ("sign_in_failed", "the account of the sign-in is disabled"),
    18487: ("sign_in_failed", "the password of the sign-in has expired"),
    18488: ("sign_in_failed", "the password of the sign-in has expired"),
    17892: ("sign_in_failed", "a logon trigger of the server refuses the sign-in"),
    47073: (
        "firewall",
        "the server takes no connection from public networks: give the app a private endpoint, or allow public access",
    ),
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
# Made by the driver itself, before any server is asked: (reason code, sentence).
_OF_THE_DRIVER: dict[str, tuple[str, str]] = {
    "FA001": (
        "misconfigured",
        "SQL_CONNECTION_STRING has Authentication and Trusted_Connection: leave one out",
    ),
    "FA002": ("misconfigured", "SQL_CONNECTION_STRING has options for signing in that exclude each other"),
    "FA003": ("misconfigured", "SQL_CONNECTION_STRING has options for signing in that exclude each other"),
    "FA004": (
        "sign_in_failed",
        "Microsoft Entra refuses the identity: check that the app has it, and that UID is its client id",
    ),
    "FA005": (
        "misconfigured",
        "SQL_CONNECTION_STRING has UID, PWD or Trusted_Connection beside Authentication=ActiveDirectoryDefault, which "
        "signs in by token: leave them out",
    ),
}
_CERTIFICATE = re.compile(
    "certificate verify failed|certificate chain was issued by|target principal name is incorrect"
    "|-2146893019|-2146893022"
)
_CERTIFICATE_REFUSED = (
    "the server's certificate is refused: it must name the server and be of a known authority (a test server: "
    "TrustServerCertificate=yes)"
)
_PERMANENT_STATES = ("22", "23", "21", "07", "HY003", "HY004", "HY090", "HY104", "HYC00")
_MISSING_DRIVER = ("Can't open lib", "Data source name not found", "IM002", "IM003")
# pyodbc joins its records as "[state] text (native) (function); [state] text (native)".
_NATIVE = re.compile(r"\((-?\d+)\)(?= \(SQL\w+\)|; \[|$| *\()")
_STATE = re.compile(r"[0-9A-Z]{5}")
_STATE_OF_RECORD = re.compile(r"\[([0-9A-Z]{5})\] ")
_WHO_SAYS_IT = re.compile(r"^(?:\[[^\]]*\] ?)+")
_END_OF_RECORD = re.compile(r" ?\(-?\d+\)(?: \(SQL\w+\))?(?:; \[.*)?$")
_QUOTED = re.compile(r"'[^']*'?|\"[^\"]*\"?")
_VALUE = re.compile(r"=\s*(?:\{(?:[^}]|\}\})*\}?|[^;,\s)]*)")
_LONGEST_SENTENCE = 160


def translated(error: Exception, pairs: Mapping[str, str] | None = None) -> PipelineError | DuplicateKey:
    """The pyodbc error as Transient, Permanent or DuplicateKey; carries no secret of the driver's text.

    ``pairs`` are those of the connection string, whose password is masked wherever it stands.
    """
    state, numbers = state_and_numbers(error)
    where = f"(SQLSTATE {state}{''.join(f', error {number}' for number in numbers[:1])})"
    text = " ".join(str(part) for part in error.args)
    if state == "23000" and DUPLICATE & set(numbers):
        return DuplicateKey()
    if state[:2] in ("IM", "01", "HY") and any(sign in text for sign in _MISSING_DRIVER):
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
    for of_driver in (state, *_STATE_OF_RECORD.findall(text)):
        if of_driver in _OF_THE_DRIVER:
            reason, sentence = _OF_THE_DRIVER[of_driver]
            return StoreUnavailable(f"{sentence} (SQLSTATE {of_driver})", reason=reason)
    if state.startswith("08") and _CERTIFICATE.search(text):
        return StoreUnavailable(f"{_CERTIFICATE_REFUSED} {where}", reason="certificate_refused")
    if state.startswith(_PERMANENT_STATES):
        return Permanent(f"the database refused the statement {where}", reason="store_error")
    for prefix, reason, sentence in _BY_STATE:
        if state.startswith(prefix):
            said = _masked(text, pairs or {}) if prefix == "08" else ""
            return StoreUnavailable(f"{sentence} {where}{said}", reason=reason)
    return StoreUnavailable(f"the database reports an error {where}{_masked(text, pairs or {})}")


def _masked(text: str, pairs: Mapping[str, str]) -> str:
    """What the driver says in its first record, as ``: sentence``, without anything that may be a secret or a value."""
    said = without_password(text, pairs)
    found = _STATE_OF_RECORD.search(said)
    said = " ".join((said[found.start() :] if found else "").split())
    said = _END_OF_RECORD.sub("", _WHO_SAYS_IT.sub("", said))
    said = _VALUE.sub("=***", _QUOTED.sub("'***'", said))
    said = "".join(character if character.isprintable() else " " for character in said).strip()
    return f": {said[:_LONGEST_SENTENCE]}" if said else ""


def state_and_numbers(error: Exception) -> tuple[str, list[int]]:
    """The SQLSTATE, and the server's numbers in the order of its records."""
    state = str(error.args[0]) if error.args else ""
    text = str(error.args[1]) if len(error.args) > 1 else ""
    numbers = [int(number) for number in _NATIVE.findall(text)]
    return (state if _STATE.fullmatch(state) else "HY000"), [number for number in numbers if number > 0]
