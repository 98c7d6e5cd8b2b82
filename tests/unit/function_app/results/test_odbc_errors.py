"""Every error of SQL Server and its driver is Permanent, Transient or a duplicate key, and tells no secret."""

from __future__ import annotations

import pytest

from function_app.errors import Permanent, PipelineError, StoreUnavailable, Transient
from function_app.results.database import DeadlockVictim, DuplicateKey
from function_app.results.mssql.odbc_errors import translated

CANARY = "canary-7f3a9"
PREFIX = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"


def error(state: str, number: int, text: str = CANARY) -> Exception:
    """An exception as pyodbc builds it."""
    return Exception(state, f"[{state}] {PREFIX}{text} ({number}) (SQLExecDirectW)")


@pytest.mark.parametrize(
    "number",
    [40613, 40197, 40501, 49918, 49919, 49920, 4060, 10928, 10929, 1205, 233, 10053, 10054, 10060],
)
@pytest.mark.parametrize("state", ["42000", "HY000", "08S01", "40001", "08001"])
def test_the_transient_numbers_of_azure_sql_are_transient_under_any_state(number: int, state: str) -> None:
    assert isinstance(translated(error(state, number)), Transient)


@pytest.mark.parametrize("state", ["08S01", "08001", "HYT00", "HYT01", "40001"])
def test_lost_connections_and_timeouts_are_transient_without_a_number(state: str) -> None:
    assert isinstance(
        translated(Exception(state, f"[{state}] [Microsoft]{CANARY} (0) (SQLDriverConnect)")), Transient
    )


@pytest.mark.parametrize("number", [2601, 2627])
def test_a_duplicate_key_is_seen_although_more_records_follow(number: int) -> None:
    text = f"[23000] {PREFIX}Violation ({number}) (SQLExecDirectW); [23000] {PREFIX}terminated. (3621)"
    assert isinstance(translated(Exception("23000", text)), DuplicateKey)


@pytest.mark.parametrize(
    ("state", "number"),
    [
        ("22001", 2628),
        ("22001", 8152),
        ("22003", 8115),
        ("23000", 547),
        ("23000", 515),
        ("42000", 102),
        ("22018", 245),
    ],
)
def test_what_lies_in_the_statement_or_its_values_is_permanent(state: str, number: int) -> None:
    assert isinstance(translated(error(state, number)), Permanent)


@pytest.mark.parametrize(
    ("state", "number", "reason"),
    [
        ("28000", 18456, "sign_in_failed"),
        ("42S02", 208, "not_migrated"),
        ("42000", 229, "not_permitted"),
        ("42000", 40615, "firewall"),
        ("42000", 40613, "database_resuming"),
    ],
)
def test_what_an_operator_can_mend_waits_and_says_what_is_wrong(state: str, number: int, reason: str) -> None:
    found = translated(error(state, number))
    assert isinstance(found, StoreUnavailable)
    assert found.reason == reason


@pytest.mark.parametrize("number", [1205, 3960])
def test_a_deadlock_victim_is_told_apart(number: int) -> None:
    assert isinstance(translated(error("40001", number)), DeadlockVictim)


def test_a_driver_that_is_missing_is_named_a_matter_of_configuration() -> None:
    found = translated(
        Exception("01000", "[01000] [unixODBC][Driver Manager]Can't open lib 'x' : file not found (0)")
    )
    assert isinstance(found, Permanent)
    assert "driver" in str(found)


@pytest.mark.parametrize("arguments", [(), ("",), ("HY000",), ("HY000", ""), (1, 2), ("x" * 99, "()()(")])
def test_an_error_nobody_has_seen_is_transient_and_nothing_escapes(arguments: tuple[object, ...]) -> None:
    assert isinstance(translated(Exception(*arguments)), Transient)


@pytest.mark.parametrize(
    "state", ["08001", "28000", "42000", "23000", "22001", "HY000", "40001", "01000", "IM002"]
)
@pytest.mark.parametrize("number", [0, 547, 1205, 18456, 40613, 99999])
def test_no_secret_of_the_driver_s_text_is_passed_on(state: str, number: int) -> None:
    found = translated(error(state, number, f"PWD={CANARY}"))
    assert isinstance(found, PipelineError)
    assert CANARY not in str(found) + repr(found) + found.detail


def test_a_number_in_the_text_of_a_duplicate_key_does_not_make_it_something_else() -> None:
    text = f"[23000] {PREFIX}The duplicate key value is ((1205) (SQLx)). (2627) (SQLExecDirectW)"
    assert isinstance(translated(Exception("23000", text)), DuplicateKey)


DRIVER = "[Microsoft][ODBC Driver 18 for SQL Server]"
OPENSSL = "[error:0A000086:SSL routines::certificate verify failed:self-signed certificate]"


@pytest.mark.parametrize(
    ("state", "text", "reason", "remedy"),
    [
        ("FA004", "[FA004] " + DRIVER + "[SQL Server]Failed to authenticate the user '' in Active Directory "
         "(Authentication option is 'ActiveDirectoryMSI').\r\nError code 0xA190; state 41360 (0) (SQLDriverConnect)",
         "sign_in_failed", "client id"),
        ("08001", "[08001] " + DRIVER + "Login timeout expired (0) (SQLDriverConnect); [FA004] " + DRIVER +
         "[SQL Server]Failed to authenticate the user 'u' in Active Directory (0)", "sign_in_failed", "Entra"),
        ("FA005", "[FA005] " + DRIVER + "Cannot use Access Token with any of the following options: Authentication, "
         "Integrated Security, User, Password. (0) (SQLDriverConnect)", "misconfigured", "UID, PWD"),
        ("FA001", "[FA001] " + DRIVER + "Cannot use Authentication option with Integrated Security option. (0)",
         "misconfigured", "Trusted_Connection"),
        ("08001", "[08001] " + DRIVER + f"SSL Provider: {OPENSSL} (-1) (SQLDriverConnect)", "certificate_refused",
         "TrustServerCertificate"),
        ("08001", "[08001] " + DRIVER + "SSL Provider: The certificate chain was issued by an authority that is not "
         "trusted.\r\n (-2146893019) (SQLDriverConnect)", "certificate_refused", "authority"),
        ("08001", "[08001] " + DRIVER + "SSL Provider: The target principal name is incorrect.\r\n (-2146893022)",
         "certificate_refused", "name the server"),
        ("42000", "[42000] " + DRIVER + "[SQL Server]Reason: An instance-specific error. Deny Public Network Access is "
         "set to Yes (47073) (SQLDriverConnect)", "firewall", "private endpoint"),
        ("42000", "[42000] " + DRIVER + "[SQL Server]This database has reached the monthly free amount allowance "
         "(42119) (SQLDriverConnect)", "free_amount_used_up", "continue with charges"),
        ("08001", "[08001] " + DRIVER + "TCP Provider: Error code 0x2AF9 (11001) (SQLDriverConnect)",
         "store_unavailable", "Server"),
    ],
)  # fmt: skip
def test_a_fault_that_public_reports_know_waits_under_its_name_with_its_remedy(state, text, reason, remedy):
    found = translated(Exception(state, text))
    assert isinstance(found, StoreUnavailable)
    assert found.reason == reason
    assert remedy in found.detail


@pytest.mark.parametrize(
    ("state", "text", "told"),
    [
        ("HY000", "[HY000] " + DRIVER + "Connection is busy with results for another command (0) (SQLExecDirectW)",
         "Connection is busy with results for another command"),
        ("08001", "[08001] " + DRIVER + "Client unable to establish connection (0) (SQLDriverConnect); [08001] x (0)",
         "Client unable to establish connection"),
        ("IMC06", "[IMC06] " + DRIVER + "The connection is broken and recovery is not possible. (0) (SQLExecDirectW)",
         "The connection is broken and recovery is not possible."),
    ],
)  # fmt: skip
def test_an_error_that_nothing_here_knows_keeps_the_driver_s_own_sentence(state, text, told):
    found = translated(Exception(state, text))
    assert isinstance(found, StoreUnavailable)
    assert found.detail.endswith(f": {told}")


@pytest.mark.parametrize(
    ("said", "password"),
    [
        (f"no such attribute PWD={CANARY}", ""), (f"PWD={{a;{CANARY}}}}}b}}", ""),
        (f"Password = {CANARY} is wrong", ""),
        (f"cannot open '{CANARY}'", ""), (f'near "{CANARY}', ""), (f"the word {CANARY} is not known", CANARY),
        (f"x'{CANARY}\x1b[31m", ""), (f"PWD={{unfinished {CANARY}", ""), (f"of {CANARY}}}", f"{{{CANARY}}}}}}}"),
    ],
)  # fmt: skip
def test_the_kept_sentence_has_no_value_no_quotation_and_no_password(said, password):
    found = translated(
        Exception("HY000", f"[HY000] {DRIVER}{said} (0) (SQLDriverConnect)"), {"pwd": password}
    )
    assert isinstance(found, StoreUnavailable)
    assert CANARY not in found.detail
    assert found.detail.isprintable()


def test_a_value_of_a_row_that_speaks_of_drivers_or_certificates_makes_no_such_fault():
    for word in ("IM002", "Can't open lib", "certificate verify failed"):
        found = translated(
            Exception("22001", f"[22001] {PREFIX}would be truncated: '{word}' (2628) (SQLExecDirectW)")
        )
        assert (type(found), getattr(found, "reason", "")) == (Permanent, "store_error")
