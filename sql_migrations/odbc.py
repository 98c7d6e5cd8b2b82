"""Reaching SQL Server for migrations: driver, sign-in, and words that hold no secret.

function_app has its own, fuller version (pool, timeouts, error classes): the two packages are
deployed apart and import nothing of each other.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sql_migrations.errors import DatabaseUnreachableError, MigrationError

# A serverless database may need most of a minute to resume.
LOGIN_TIMEOUT_SECONDS = 60
_ACCESS_TOKEN_ATTRIBUTE = 1256  # SQL_COPT_SS_ACCESS_TOKEN of Microsoft's driver
_TOKEN_SCOPE = "https://database.windows.net/.default"  # noqa: S105  (an address, not a secret)
_TOKEN_SIGN_IN = "activedirectorydefault"  # noqa: S105  (a keyword value, not a secret)

_PASSWORD_KEYS = ("pwd", "password")

_PAIR = re.compile(r"\s*([^=;{}]+?)\s*=\s*(\{(?:[^}]|\}\})*\}|(?!\{)[^;]*?)\s*(?:;|$)")
_MICROSOFT_DRIVER = re.compile(r"ODBC Driver (\d+) for SQL Server")

NO_PYODBC = (
    "SQL Server needs pyodbc and unixODBC: pip install pyodbc; then on Debian and Ubuntu "
    "'apt-get install libodbc2', on macOS 'brew install unixodbc', on Windows nothing more"
)
NO_DRIVER = (
    "no ODBC driver for SQL Server: install Microsoft's (https://aka.ms/odbc18) or, for development, "
    "pip install mssql-python-odbc"
)


def keywords(connection_string: str) -> dict[str, str]:
    """The keyword/value pairs, keys lower-case, values as written (braces kept); the first of two wins."""
    return {key.lower(): value for key, value in reversed(_PAIR.findall(connection_string))}


def holds_password(connection_string: str) -> bool:
    """Whether a password is written in it."""
    return not keywords(connection_string).keys().isdisjoint(_PASSWORD_KEYS)


def newest_driver(installed: Sequence[str], wheel_library: Path | None) -> str:
    """The newest registered Microsoft driver, else the wheel's library. Raises MigrationError if neither."""
    known = [(int(m.group(1)), name) for name in installed if (m := _MICROSOFT_DRIVER.fullmatch(name))]
    if known:
        return max(known)[1]
    if wheel_library is not None:
        return str(wheel_library)
    raise MigrationError(NO_DRIVER)


def scrubbed(text: str, connection_string: str) -> str:
    """The text without any password of the connection string."""
    pairs = keywords(connection_string)
    for key in _PASSWORD_KEYS:
        secret = pairs.get(key, "").strip()
        for form in (secret, secret.strip("{}"), secret.strip("{}").replace("}}", "}")):
            if form:
                text = text.replace(form, "***")
    return text


def connect(connection_string: str) -> Any:
    """An open pyodbc connection in autocommit mode (transactions are begun by statement).

    Raises MigrationError for what is missing on this computer, DatabaseUnreachableError for the rest.
    """
    try:
        import pyodbc
    except ImportError:
        raise MigrationError(NO_PYODBC) from None
    # A pooled connection would outlive close() and keep what was not committed, lock included.
    pyodbc.pooling = False
    pairs = keywords(connection_string)
    attributes: dict[int, bytes] = {}
    if pairs.get("authentication", "").lower() == _TOKEN_SIGN_IN:
        del pairs["authentication"]
        attributes[_ACCESS_TOKEN_ATTRIBUTE] = _developer_token()
    pairs.setdefault("encrypt", "yes")  # driver 17 would not
    if "driver" not in pairs:
        pairs["driver"] = "{" + newest_driver(pyodbc.drivers(), _wheel_library()) + "}"
    complete = ";".join(f"{key}={value}" for key, value in pairs.items())
    try:
        return pyodbc.connect(
            complete, autocommit=True, timeout=LOGIN_TIMEOUT_SECONDS, attrs_before=attributes
        )
    except pyodbc.Error as error:
        # The cause is left out on purpose: its text was not scrubbed.
        raise DatabaseUnreachableError(scrubbed(str(error), connection_string)) from None


def _wheel_library() -> Path | None:
    try:
        import mssql_python_odbc
    except ImportError:
        return None
    found = sorted(Path(mssql_python_odbc.get_libs_dir()).rglob("*msodbcsql*"))
    preferred = [path for path in found if "debian_ubuntu/x86_64" in path.as_posix()]
    return next(iter(preferred or found), None)


def _developer_token() -> bytes:
    """An Entra access token in the form the driver wants: length, then UTF-16-LE text."""
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise MigrationError(
            "Authentication=ActiveDirectoryDefault needs: pip install azure-identity"
        ) from None
    try:
        token = DefaultAzureCredential().get_token(_TOKEN_SCOPE).token
    # More than AzureError comes out of a credential, and its text may quote an answer of the sign-in service.
    except Exception as error:  # noqa: BLE001
        raise DatabaseUnreachableError(
            f"Microsoft Entra issued no token for the database ({type(error).__name__}): sign in with `az login`"
        ) from None
    text = token.encode("utf-16-le")
    return struct.pack("<I", len(text)) + text
