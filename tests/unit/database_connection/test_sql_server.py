"""Which driver is taken, and which sign-in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from database_connection import sql_server
from database_connection.connection_string import parse


def test_the_newest_registered_microsoft_driver_is_taken() -> None:
    installed = ["SQLite3", "ODBC Driver 17 for SQL Server", "ODBC Driver 18 for SQL Server", "FreeTDS"]
    assert sql_server.newest_driver(installed, Path("/wheel.so")) == "ODBC Driver 18 for SQL Server"
    assert sql_server.newest_driver(["ODBC Driver 9 for SQL Server", *installed[1:2]], None).endswith(
        "17 for SQL Server"
    )
    assert (
        sql_server.newest_driver(["ODBC Driver 21 for SQL Server", *installed], None)
        == "ODBC Driver 21 for SQL Server"
    )


def test_the_wheel_is_taken_where_no_driver_is_registered() -> None:
    assert sql_server.newest_driver(["FreeTDS"], Path("/wheel.so")) == "/wheel.so"


@pytest.mark.parametrize("word", ["Debian", "macOS", "Windows", "Azure"])
def test_no_driver_and_no_pyodbc_are_one_sentence_with_the_remedy_for_each_system(word: str) -> None:
    with pytest.raises(sql_server.MissingHereError, match=word):
        sql_server.newest_driver([], None)
    assert word in sql_server.NO_PYODBC


# As the wheels of mssql-python-odbc 18.6.2.2 for each system are laid out.
WHEELS = {
    "Linux": (
        "linux/debian_ubuntu/{}/lib/libmsodbcsql-18.6.so.2.1",
        "linux/debian_ubuntu/{}/share/msodbcsqlr18.rll",
        "linux/rhel/{}/lib/libmsodbcsql-18.6.so.2.1",
    ),
    "macOS": (
        "macos/{}/lib/libmsodbcsql.18.dylib",
        "macos/{}/share/msodbcsql18/resources/en_US/msodbcsqlr18.rll",
    ),
    "Windows": ("windows/{}/msodbcsql18.dll",),
}


@pytest.mark.parametrize(
    ("system", "machine", "folder"),
    [
        ("Linux", "x86_64", "x86_64"),
        ("Linux", "aarch64", "arm64"),
        ("macOS", "x86_64", "x86_64"),
        ("macOS", "arm64", "arm64"),
        ("Windows", "AMD64", "x64"),
        ("Windows", "ARM64", "arm64"),
    ],
)
def test_wheels_library_is_the_one_for_this_processor(
    system: str, machine: str, folder: str, tmp_path: Path
) -> None:
    for name in WHEELS[system]:
        for processor in ("arm64", "x64" if system == "Windows" else "x86_64"):
            path = tmp_path / name.format(processor)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    assert sql_server.library_among(tmp_path, machine) == tmp_path / WHEELS[system][0].format(folder)
    assert sql_server.library_among(tmp_path, "riscv64") is None


def test_managed_identity_is_left_to_the_driver_and_encryption_is_on() -> None:
    whole = sql_server.completed(
        parse("Server=s;Authentication=ActiveDirectoryMsi"), lambda: "ODBC Driver 18 for SQL Server"
    )
    assert whole == {
        "driver": "{ODBC Driver 18 for SQL Server}",
        "server": "s",
        "authentication": "ActiveDirectoryMsi",
        "encrypt": "yes",
    }


@dataclass
class FakeCredential:
    """Gives a new token, good for an hour, at each call."""

    now: float = 0.0
    given: int = 0

    def get_token(self, *scopes: str) -> Any:
        assert scopes == ("https://database.windows.net/.default",)
        self.given += 1
        return SimpleNamespace(token=f"token-{self.given}", expires_on=self.now + 3600)


def test_an_entra_token_is_packed_for_the_driver_and_renewed_before_it_expires() -> None:
    credential = FakeCredential()
    tokens = sql_server.AccessTokens(credential, lambda: credential.now)
    assert tokens.packed() == b"\x0e\x00\x00\x00" + "token-1".encode("utf-16-le")
    credential.now = 3299
    assert tokens.packed().endswith("1".encode("utf-16-le"))
    credential.now = 3300
    assert tokens.packed().endswith("2".encode("utf-16-le"))
    assert credential.given == 2
