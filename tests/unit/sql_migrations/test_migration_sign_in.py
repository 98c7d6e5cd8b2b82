"""Signing in to migrate: encrypted, with a token where asked, and no secret in words, arguments or causes."""

from __future__ import annotations

import builtins
import sys
import traceback
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sql_migrations.cli import main
from sql_migrations.errors import DatabaseUnreachableError, MigrationError
from sql_migrations.files import MigrationFile
from sql_migrations.mssql_engine import MssqlEngine, connect

CANARY = "C4nary;pass}word"
WRITTEN = "{C4nary;pass}}word}"
DATABASE = f"Server=s;Database=d;UID=u;PWD={WRITTEN}"


class FakePyodbc(ModuleType):
    """Stands in for the library where the machine has none; its errors quote all they were given."""

    class Error(Exception):
        """As pyodbc.Error."""

    def __init__(self) -> None:
        super().__init__("pyodbc")
        self.given: list[tuple[str, dict[str, Any]]] = []
        self.connection: Any = None

    def drivers(self) -> list[str]:
        return ["ODBC Driver 18 for SQL Server"]

    def connect(self, text: str, **options: Any) -> Any:
        self.given.append((text, options))
        if self.connection is None:
            raise self.Error("28000", f"[28000] [Microsoft]{text} {options} (18456) (SQLDriverConnect)")
        return self.connection


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakePyodbc:
    fake = FakePyodbc()
    monkeypatch.setitem(sys.modules, "pyodbc", fake)
    return fake


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)


@pytest.mark.parametrize("database", [DATABASE, f"Server=s;Password={WRITTEN}", f"PWD={WRITTEN};PWD=other"])
def test_a_refused_sign_in_is_told_without_the_password(library: FakePyodbc, database: str) -> None:
    with pytest.raises(DatabaseUnreachableError) as refused:
        MssqlEngine(database).read_history()
    assert WRITTEN in library.given[0][0]
    assert "C4nary" not in shown(refused.value) + MssqlEngine(database).display_name


def test_a_migration_that_fails_is_told_without_the_password(library: FakePyodbc) -> None:
    def execute(sql: str, *_: Any) -> Any:
        if sql.startswith("CREATE"):
            raise library.Error("42000", f"[42000] [Microsoft]refused for {WRITTEN} (262) (SQLExecDirectW)")
        return cursor

    cursor = SimpleNamespace(
        execute=execute, description=[("got",)], fetchone=lambda: (0,), nextset=lambda: False
    )
    library.connection = SimpleNamespace(cursor=lambda: cursor, close=lambda: None)
    with (
        pytest.raises(MigrationError, match=r"V001__a\.sql, batch 1.*262") as failed,
        MssqlEngine(DATABASE).exclusive() as session,
    ):
        session.run(MigrationFile("V001__a.sql", 1, "CREATE TABLE dbo.a (x INT);"))
    assert "C4nary" not in shown(failed.value)


def test_a_token_that_entra_refuses_is_an_error_without_its_text(
    library: FakePyodbc, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refused:
        def get_token(self, *scopes: str) -> Any:
            raise ConnectionError(f"invalid_client: {CANARY}")

    monkeypatch.setattr("azure.identity.DefaultAzureCredential", Refused)
    with pytest.raises(DatabaseUnreachableError, match="az login") as refused:
        connect("Server=s;Authentication=ActiveDirectoryDefault")
    assert "C4nary" not in shown(refused.value)
    assert library.given == []


@pytest.mark.parametrize(
    "word", ["ActiveDirectoryDefault", "{ActiveDirectoryDefault}", " activedirectorydefault "]
)
def test_a_token_goes_to_the_driver_as_it_wants_it_and_the_word_it_does_not_know_does_not(
    word: str, library: FakePyodbc, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = SimpleNamespace(token="ab", expires_on=2e9)
    monkeypatch.setattr(
        "azure.identity.DefaultAzureCredential", lambda: SimpleNamespace(get_token=lambda _: token)
    )
    library.connection = object()
    connect(f"Server=s;Authentication={word}")
    text, options = library.given[0]
    assert options["attrs_before"] == {1256: b"\x04\x00\x00\x00a\x00b\x00"}
    assert "authentication" not in text.lower()


def test_the_connection_is_encrypted_unless_the_string_says_otherwise(library: FakePyodbc) -> None:
    library.connection = object()
    connect("Server=s")
    connect("Server=s;Encrypt=no")
    assert ["encrypt=yes" in text for text, _ in library.given] == [True, False]


def test_a_password_on_the_command_line_is_refused_since_the_process_list_would_show_it(
    library: FakePyodbc, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--database", DATABASE]) == 2
    said = capsys.readouterr().err
    assert "SQL_CONNECTION_STRING" in said
    assert "C4nary" not in said
    assert library.given == []


def test_the_same_string_in_the_environment_is_used_and_its_refusal_shows_nothing(
    library: FakePyodbc, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQL_CONNECTION_STRING", DATABASE)
    assert main(["status"]) == 1
    captured = capsys.readouterr()
    assert "18456" in captured.err
    assert "C4nary" not in captured.out + captured.err
    assert len(library.given) == 1


def test_pyodbc_that_does_not_load_is_a_sentence_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name == "pyodbc":
            raise ImportError("libodbc.so.2: cannot open shared object file")
        return original(name, *rest)

    monkeypatch.delitem(sys.modules, "pyodbc", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MigrationError, match="libodbc2"):
        connect("Server=s")


def test_a_password_with_a_url_in_it_still_names_a_sql_server(
    library: FakePyodbc, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQL_CONNECTION_STRING", "Server=s;UID=u;PWD=C4nary://x")
    assert main(["status"]) == 1
    assert "C4nary://x" in library.given[0][0]
    assert "C4nary" not in capsys.readouterr().err


@pytest.mark.parametrize("text", ["Server=s;PWD={C4nary", "Server=s;PWD={C4nary}y", "Server=s;C4nary"])
def test_a_malformed_string_is_a_wrong_call_and_is_not_quoted(
    text: str, library: FakePyodbc, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQL_CONNECTION_STRING", text)
    assert main(["status"]) == 2
    assert main(["status", "--database", text]) == 2
    said = capsys.readouterr().err
    assert "SQL_CONNECTION_STRING" in said
    assert "C4nary" not in said
    assert library.given == []
