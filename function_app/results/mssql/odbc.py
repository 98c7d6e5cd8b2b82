"""What a connection to SQL Server needs: the connection string, a driver, and a sign-in.

Three ways to sign in: ``UID``/``PWD``; ``Authentication=ActiveDirectoryMsi`` (managed identity, done by the
driver itself); ``Authentication=ActiveDirectoryDefault`` (Entra, for developers: a token from azure-identity,
since the driver does not know this value). No connection string is logged or put into an error message.
"""

from __future__ import annotations

import platform
import re
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from function_app.errors import Misconfigured, StoreUnavailable

# A serverless database may need most of a minute to resume; Microsoft advises at least 30 s.
LOGIN_TIMEOUT_SECONDS = 45
QUERY_TIMEOUT_SECONDS = 30
ALIVE_TIMEOUT_SECONDS = 5

ACCESS_TOKEN_ATTRIBUTE = 1256  # SQL_COPT_SS_ACCESS_TOKEN of Microsoft's driver
TOKEN_SIGN_IN = "activedirectorydefault"  # noqa: S105  (a word of the connection string)
_TOKEN_SCOPE = "https://database.windows.net/.default"  # noqa: S105  (an address)
_RENEW_SECONDS_BEFORE_EXPIRY = 300
_PAIR = re.compile(r"\s*([^=;{}]+?)\s*=\s*(\{(?:[^}]|\}\})*\}|(?!\{)[^;]*?)\s*(?:;|$)")
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
NOT_SIGNED_IN = "sign in with `az login`, or check the identity's settings"
NO_IDENTITY = "Authentication=ActiveDirectoryDefault needs azure-identity: pip install azure-identity"


def parse(text: str) -> dict[str, str]:
    """Keywords (lower-case) and values (as written, braces kept), in order; the first of two wins, as in ODBC.

    Raises Misconfigured, quoting nothing, where the text is not of the form ``key=value;key={value}``.
    """
    pairs: dict[str, str] = {}
    at = 0
    while text[at:].strip(" ;"):
        found = _PAIR.match(text, at)
        if found is None:
            raise Misconfigured("SQL_CONNECTION_STRING is not of the form key=value;key=value")
        pairs.setdefault(found.group(1).lower(), found.group(2))
        at = found.end()
        while text[at : at + 1] == ";":
            at += 1
    return pairs


def write(pairs: Mapping[str, str]) -> str:
    """The text of the pairs."""
    return ";".join(f"{key}={value}" for key, value in pairs.items())


def completed(pairs: Mapping[str, str], driver: Callable[[], str]) -> dict[str, str]:
    """The pairs with a driver, and with encryption unless they say otherwise (driver 17 would not encrypt)."""
    whole = {"driver": pairs.get("driver") or "{" + driver() + "}", **pairs}
    if "encrypt" not in whole:
        whole["encrypt"] = "yes"
    if wants_token(pairs):
        del whole["authentication"]
    return whole


def wants_token(pairs: Mapping[str, str]) -> bool:
    """Whether this code, and not the driver, must sign in."""
    return pairs.get("authentication", "").strip("{} ").lower() == TOKEN_SIGN_IN


def load_pyodbc() -> ModuleType:
    """pyodbc, with the driver manager's own pooling off. Raises Misconfigured with the remedy."""
    try:
        import pyodbc
    except ImportError as error:
        raise Misconfigured(NO_PYODBC) from error
    pyodbc.pooling = False
    module: ModuleType = pyodbc
    return module


def newest_driver(installed: Sequence[str], wheel_library: Path | None) -> str:
    """The newest Microsoft driver that is registered, else the library of the wheel.

    Raises Misconfigured with the remedy for Debian, macOS, Windows and Azure.
    """
    known = [(int(m.group(1)), name) for name in installed if (m := _MICROSOFT_DRIVER.fullmatch(name))]
    if known:
        return max(known)[1]
    if wheel_library is None:
        raise Misconfigured(NO_DRIVER)
    return str(wheel_library)


def wheel_library() -> Path | None:
    """The driver's library in the mssql-python-odbc wheel, if that is installed."""
    try:
        import mssql_python_odbc
    except ImportError:
        return None
    return library_among(Path(mssql_python_odbc.get_libs_dir()), platform.machine())


def library_among(folder: Path, machine: str) -> Path | None:
    """The library for this processor; the Linux wheel carries one per family of distributions."""
    found = [
        path
        for pattern in ("libmsodbcsql*.so*", "libmsodbcsql*.dylib", "msodbcsql*.dll")
        for path in sorted(folder.rglob(pattern))
        if machine.lower() in path.as_posix().lower() or "linux" not in path.as_posix()
    ]
    return next((path for path in found if "debian_ubuntu" in path.as_posix()), next(iter(found), None))


class Credential(Protocol):
    """The part of an azure-identity credential that is used."""

    def get_token(self, *scopes: str) -> Any:
        """Something with ``token`` and ``expires_on`` (seconds since 1970)."""


class AccessTokens:
    """Entra tokens in the form the driver takes, renewed five minutes before they expire."""

    def __init__(self, credential: Credential, clock: Callable[[], float] = time.time) -> None:
        self._credential = credential
        self._clock = clock
        self._packed = b""
        self._expires_on = 0.0

    def packed(self) -> bytes:
        """The length, then the token as UTF-16-LE. Raises StoreUnavailable if Entra issues none."""
        if self._clock() >= self._expires_on - _RENEW_SECONDS_BEFORE_EXPIRY:
            try:
                token = self._credential.get_token(_TOKEN_SCOPE)
            # Besides AzureError a credential lets out what its transport or its subprocess (az) raises, and
            # its text may quote an answer of the sign-in service: the type alone is passed on.
            except Exception as error:  # noqa: BLE001
                raise StoreUnavailable(
                    f"Microsoft Entra issued no token for the database ({type(error).__name__}): {NOT_SIGNED_IN}",
                    reason="sign_in_failed",
                ) from None
            text = str(token.token).encode("utf-16-le")
            self._packed, self._expires_on = struct.pack("<I", len(text)) + text, float(token.expires_on)
        return self._packed


def default_credential() -> Credential:
    """azure-identity's DefaultAzureCredential. Raises Misconfigured if the package is absent."""
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise Misconfigured(NO_IDENTITY) from None
    credential: Credential = DefaultAzureCredential()
    return credential
