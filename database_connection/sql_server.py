"""SQL Server: the driver there is, and the sign-in that is asked for.

Three sign-ins: ``UID``/``PWD``; ``Authentication=ActiveDirectoryMsi`` (managed identity,
done by the driver itself); ``Authentication=ActiveDirectoryDefault`` (Entra, for developers: a token from
azure-identity, since the driver knows no such word). Nothing here is logged or put into an exception
text: what the driver says may quote what it was given.
"""

from __future__ import annotations

import platform
import re
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

ACCESS_TOKEN_ATTRIBUTE = 1256  # SQL_COPT_SS_ACCESS_TOKEN of Microsoft's driver
_TOKEN_SIGN_IN = "activedirectorydefault"  # noqa: S105  (a word of the connection string)
_TOKEN_SCOPE = "https://database.windows.net/.default"  # noqa: S105  (an address)
_RENEW_SECONDS_BEFORE_EXPIRY = 300
# One processor's names: Python's and the wheel's, of Linux, macOS and Windows.
_PROCESSORS = ({"x86_64", "amd64", "x64"}, {"arm64", "aarch64"})
_MICROSOFT_DRIVER = re.compile(r"ODBC Driver (\d+) for SQL Server")

NO_PYODBC = (
    "SQL Server is configured, but pyodbc does not load. Install it (pip install pyodbc) and unixODBC's "
    "libodbc: on Debian and Ubuntu 'apt-get install libodbc2', on macOS 'brew install unixodbc', on Windows "
    "nothing more, on Azure Functions choose a Python version whose image has it (3.11 and 3.12 do)"
)
NO_DRIVER = (
    "SQL Server is configured, but there is no ODBC driver for it. On Debian and Ubuntu install msodbcsql18 "
    "from Microsoft's package feed, on macOS 'brew install msodbcsql18', on Windows the installer (all: "
    "https://aka.ms/odbc18), on Azure Functions choose a Python version whose image has it (3.11 and 3.12 "
    "do); for development 'pip install mssql-python-odbc' will do"
)
NO_IDENTITY = "Authentication=ActiveDirectoryDefault needs azure-identity: pip install azure-identity"
_NOT_SIGNED_IN = "sign in with `az login`, or check the identity's settings"


class MissingHereError(Exception):
    """This computer lacks a driver or a package; the message says how to install it."""


class NoTokenError(Exception):
    """Microsoft Entra gave no token for the database; the message names the kind of failure and nothing it said."""


class Credential(Protocol):
    """The part of an azure-identity credential that is used."""

    def get_token(self, *scopes: str) -> Any:
        """Something with ``token`` and ``expires_on`` (seconds since 1970)."""


def load_pyodbc() -> ModuleType:
    """pyodbc, with the driver manager's own pooling off. Raises MissingHereError.

    A connection that the manager kept would outlive close(), with whatever it had not committed, locks included.
    """
    try:
        import pyodbc
    except ImportError as error:
        raise MissingHereError(NO_PYODBC) from error
    pyodbc.pooling = False
    module: ModuleType = pyodbc
    return module


def driver() -> str:
    """The driver for a connection string that names none: its name, or its library's path. Raises MissingHereError."""
    return newest_driver(load_pyodbc().drivers(), wheel_library())


def newest_driver(installed: Sequence[str], wheel_library: Path | None) -> str:
    """The newest Microsoft driver that is registered, else the library of the wheel.

    Raises MissingHereError with the remedy for Debian, macOS, Windows and Azure.
    """
    known = [(int(m.group(1)), name) for name in installed if (m := _MICROSOFT_DRIVER.fullmatch(name))]
    if known:
        return max(known)[1]
    if wheel_library is None:
        raise MissingHereError(NO_DRIVER)
    return str(wheel_library)


def wheel_library() -> Path | None:
    """The driver's library in the mssql-python-odbc wheel, if that is installed."""
    try:
        import mssql_python_odbc
    except ImportError:
        return None
    return library_among(Path(mssql_python_odbc.get_libs_dir()), platform.machine())


def library_among(folder: Path, machine: str) -> Path | None:
    """The library for this processor (``platform.machine()``); a Linux wheel carries one per family of distributions.

    The wheel's folders are named ``x86_64`` (``x64`` on Windows) and ``arm64``, which Linux itself calls aarch64.
    """
    names = next((names for names in _PROCESSORS if machine.lower() in names), {machine.lower()})
    found = [
        path
        for pattern in ("libmsodbcsql*.so*", "libmsodbcsql*.dylib", "msodbcsql*.dll")
        for path in sorted(folder.rglob(pattern))
        if not names.isdisjoint(path.relative_to(folder).parts)
    ]
    return next((path for path in found if "debian_ubuntu" in path.parts), next(iter(found), None))


def completed(pairs: Mapping[str, str], driver: Callable[[], str]) -> dict[str, str]:
    """The pairs as the driver takes them: a driver if they name none, encryption unless they say otherwise.

    Driver 17 would not encrypt by itself. The sign-in by token, which no driver knows, is taken out.
    """
    whole = {"driver": pairs.get("driver") or "{" + driver() + "}", **pairs}
    whole.setdefault("encrypt", "yes")
    if wants_token(pairs):
        del whole["authentication"]
    return whole


def wants_token(pairs: Mapping[str, str]) -> bool:
    """Whether this code, and not the driver, must sign in."""
    return pairs.get("authentication", "").strip("{} ").lower() == _TOKEN_SIGN_IN


class AccessTokens:
    """Entra tokens in the form the driver takes, renewed five minutes before they expire."""

    def __init__(self, credential: Credential, clock: Callable[[], float] = time.time) -> None:
        self._credential = credential
        self._clock = clock
        self._packed = b""
        self._expires_on = 0.0

    def packed(self) -> bytes:
        """The length, then the token as UTF-16-LE. Raises NoTokenError."""
        if self._clock() >= self._expires_on - _RENEW_SECONDS_BEFORE_EXPIRY:
            try:
                token = self._credential.get_token(_TOKEN_SCOPE)
            # Besides AzureError a credential lets out what its transport or its subprocess (az) raises, and
            # its text may quote an answer of the sign-in service: the type alone is passed on.
            except Exception as error:  # noqa: BLE001
                raise NoTokenError(
                    f"Microsoft Entra gave no token for the database ({type(error).__name__}): {_NOT_SIGNED_IN}"
                ) from None
            text = str(token.token).encode("utf-16-le")
            self._packed, self._expires_on = struct.pack("<I", len(text)) + text, float(token.expires_on)
        return self._packed


def default_credential() -> Credential:
    """azure-identity's DefaultAzureCredential. Raises MissingHereError if the package is absent."""
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise MissingHereError(NO_IDENTITY) from None
    credential: Credential = DefaultAzureCredential()
    return credential


if __name__ == "__main__":  # which driver would be taken here: `doctor` asks
    try:
        print(driver())
    except MissingHereError as error:
        sys.exit(str(error))
