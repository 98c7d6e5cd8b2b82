"""The store signs in or says why not, and shows no secret on any of these ways."""

from __future__ import annotations

import builtins
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from database_connection import sql_server
from function_app.errors import Misconfigured, PipelineError, StoreUnavailable
from function_app.results import open_result_store
from function_app.results.mssql.database import MssqlDatabase
from function_app.settings import Settings, StorageSettings

CANARY = "C4nary;pass}word"
WRITTEN = "{C4nary;pass}}word}"


def test_pyodbc_that_does_not_load_is_a_sentence_and_not_an_import_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name == "pyodbc":
            raise ImportError("libodbc.so.2: cannot open shared object file")
        return original(name, *rest)

    monkeypatch.delitem(sys.modules, "pyodbc", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(Misconfigured, match="libodbc2"):
        open_result_store(Settings(storage=StorageSettings("x"), sql_connection_string="Server=s"))


def test_opening_a_sqlite_store_does_not_import_pyodbc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyodbc", None)
    open_result_store(
        Settings(storage=StorageSettings("x"), sql_connection_string=f"sqlite:///{tmp_path}/a.db")
    )


@pytest.mark.parametrize("text", ["a=b;no pairs", "PWD={unclosed", "a=b;PWD={x}y"])
def test_a_malformed_connection_string_is_a_setting_to_mend_and_is_not_quoted(text: str) -> None:
    with pytest.raises(Misconfigured, match="SQL_CONNECTION_STRING") as refused:
        open_result_store(Settings(storage=StorageSettings("x"), sql_connection_string=text))
    assert text not in str(refused.value)


def test_a_string_of_ado_net_is_a_setting_to_mend_with_its_odbc_form_as_remedy() -> None:
    text = "Server=s;Initial Catalog=d;User ID=u;Password=C4nary;Encrypt=True"
    for call in (
        lambda: open_result_store(Settings(storage=StorageSettings("x"), sql_connection_string=text)),
        lambda: MssqlDatabase(text),
    ):
        with pytest.raises(Misconfigured, match="for ODBC write: Server=") as refused:
            call()
        assert refused.value.detail.endswith(" Server=...;Database=...;UID=...;PWD=...;Encrypt=yes")


@dataclass
class FakeCredential:
    """Gives a new token, good for an hour, at each call."""

    now: float = 0.0
    given: int = 0

    def get_token(self, *scopes: str) -> Any:
        assert scopes == ("https://database.windows.net/.default",)
        self.given += 1
        return SimpleNamespace(token=f"token-{self.given}", expires_on=self.now + 3600)


class RefusedCredential:
    """Fails as a credential does whose sign-in service quotes what it was sent."""

    def get_token(self, *scopes: str) -> Any:
        raise ConnectionError(f"invalid_client: {CANARY}")


def test_a_token_that_entra_refuses_waits_says_so_and_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_server, "load_pyodbc", lambda: FakePyodbc("28000"))
    database = MssqlDatabase("Server=s;Authentication=ActiveDirectoryDefault", credential=RefusedCredential)
    for use in (database.writing, database.reading):
        with pytest.raises(StoreUnavailable, match="ConnectionError") as refused, use():
            pass
        assert refused.value.reason == "sign_in_failed"
        shown = "".join(traceback.format_exception(refused.value)) + repr(refused.value)
        assert "C4nary" not in shown


class FakePyodbc:
    """Stands in for the library where the machine has none; its errors quote all they were given."""

    class Error(Exception):
        """As pyodbc.Error."""

    class IntegrityError(Error):
        """As pyodbc.IntegrityError."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.given: list[tuple[str, dict[str, Any]]] = []

    def drivers(self) -> list[str]:
        return ["ODBC Driver 18 for SQL Server"]

    def connect(self, text: str, **options: Any) -> Any:
        self.given.append((text, options))
        raise self.Error(self.state, f"[{self.state}] [Microsoft]{text} {options} (0) (SQLDriverConnect)")


@pytest.mark.parametrize("state", ["28000", "08001", "HYT00", "IM002", "01000", "HY000", "42000"])
def test_a_failed_sign_in_shows_no_password_and_no_token_anywhere(
    state: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    library = FakePyodbc(state)
    monkeypatch.setattr(sql_server, "load_pyodbc", lambda: library)
    caplog.set_level("DEBUG")
    shown = ""
    for text in (f"Server=s;UID=u;PWD={WRITTEN}", "Server=s;Authentication=ActiveDirectoryDefault"):
        database = MssqlDatabase(text, credential=FakeCredential)
        for use in (database.writing, database.reading):
            with pytest.raises(PipelineError) as failed, use():
                pass
            shown += "".join(traceback.format_exception(failed.value)) + repr(failed.value)
        shown += repr(database) + repr(database.__dict__["_pool"])
    captured = capsys.readouterr()
    shown += captured.out + captured.err + caplog.text
    assert WRITTEN in library.given[0][0]
    assert sql_server.ACCESS_TOKEN_ATTRIBUTE in library.given[2][1]["attrs_before"]
    for secret in (CANARY, WRITTEN, "C4nary", "token-1", "t\\x00o\\x00k"):
        assert secret not in shown


def test_settings_and_a_misconfigured_store_show_no_password() -> None:
    settings = Settings(storage=StorageSettings("x"), sql_connection_string=f"http://{CANARY}")
    with pytest.raises(Misconfigured) as refused:
        open_result_store(settings)
    assert "C4nary" not in repr(settings) + str(refused.value)
