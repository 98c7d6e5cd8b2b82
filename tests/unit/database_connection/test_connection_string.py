"""Which database a connection string names, and what is written in it."""

from __future__ import annotations

import pytest

from database_connection.connection_string import (
    MalformedConnectionStringError,
    dialect_of,
    for_odbc,
    holds_password,
    parse,
    sqlite_path,
    without_password,
    write,
)

CANARY = "C4nary;pass}word"
WRITTEN = "{C4nary;pass}}word}"


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("sqlite:///results.db", "sqlite"),
        ("sqlite:////var/results.db", "sqlite"),
        ("Server=tcp:a,1433;Database=b", "mssql"),
        ("Server=s;UID=u;PWD=a://b", "mssql"),
        ("driver={/opt/wheel.so};server=s", "mssql"),
        ("postgres://user@host/db?sslmode=require", None),
        ("http://host", None),
        ("sqlite:results.db", None),
        ("results.db", None),
        ("", None),
    ],
)
def test_connection_string_names_sqlite_or_sql_server_or_neither(text: str, dialect: str | None) -> None:
    assert dialect_of(text) == dialect


def test_sqlite_path_keeps_its_leading_slash() -> None:
    assert (sqlite_path("sqlite:///a.db"), sqlite_path("sqlite:////a.db")) == ("a.db", "/a.db")


def test_connection_strings_keep_braces_and_semicolons_in_values() -> None:
    pairs = parse(f"Server=tcp:a,1433; PWD = {WRITTEN} ;;Database=b;")
    assert pairs == {"server": "tcp:a,1433", "pwd": WRITTEN, "database": "b"}
    assert parse(write(pairs)) == pairs
    assert parse("UID=a;UID=b") == {"uid": "a"}


@pytest.mark.parametrize("text", ["no pairs", "PWD={unclosed", "=x", "a=b;PWD={x}y"])
def test_a_malformed_connection_string_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(MalformedConnectionStringError) as refused:
        parse(text)
    assert text not in str(refused.value)


@pytest.mark.parametrize("text", [f"Server=s;PWD={WRITTEN}", f"Password={WRITTEN}", "pWd=x"])
def test_password_is_noticed_however_its_key_is_written(text: str) -> None:
    assert holds_password(parse(text))
    assert not holds_password(parse("Server=pwd;UID=password"))


@pytest.mark.parametrize("quoted", [WRITTEN, CANARY, WRITTEN.strip("{}")])
def test_password_is_masked_in_each_form_in_which_a_driver_may_quote_it(quoted: str) -> None:
    assert (
        without_password(f"login with {quoted} failed", parse(f"UID=u;PWD={WRITTEN}"))
        == "login with *** failed"
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (
            "Server=tcp:s,1433;Initial Catalog=d;Persist Security Info=False;User ID=u;Password=C4nary;"
            "MultipleActiveResultSets=False;Encrypt=True;TrustServerCertificate=False;Connection Timeout=30;",
            "Server=...;Database=...;UID=...;PWD=...;Encrypt=yes;TrustServerCertificate=no",
        ),
        (
            "Server=s;Authentication=Active Directory Managed Identity",
            "Server=...;Authentication=ActiveDirectoryMsi",
        ),
        (
            "Data Source=s;Initial Catalog=d;Integrated Security=SSPI",
            "Server=...;Database=...;Trusted_Connection=yes",
        ),
        (
            "Server=s;Database=d;UID=u;PWD=C4nary;Encrypt=True",
            "Server=...;Database=...;UID=...;PWD=...;Encrypt=yes",
        ),
        ("Server=s;Password='C4nary;Database=C4nary';User Id=u", "Server=...;PWD=...;Database=...;UID=..."),
        (
            "Server=s;Database=d;UID=u;PWD=True;Encrypt=yes;TrustServerCertificate=no;Connection Timeout=30",
            None,
        ),
        (
            "Driver={ODBC Driver 18 for SQL Server};Server=s;Authentication=ActiveDirectoryMsi;Encrypt=strict",
            None,
        ),
    ],
)
def test_string_of_ado_net_is_known_and_translated_without_its_values(text, written):
    assert for_odbc(parse(text)) == written
