"""Every error of SQL Server is Permanent, Transient or a duplicate key, and says nothing the driver said."""

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
def test_no_word_of_the_driver_is_passed_on(state: str, number: int) -> None:
    found = translated(error(state, number, f"PWD={CANARY}"))
    assert isinstance(found, PipelineError)
    assert CANARY not in str(found) + repr(found) + found.detail


def test_a_number_in_the_text_of_a_duplicate_key_does_not_make_it_something_else() -> None:
    text = f"[23000] {PREFIX}The duplicate key value is ((1205) (SQLx)). (2627) (SQLExecDirectW)"
    assert isinstance(translated(Exception("23000", text)), DuplicateKey)
