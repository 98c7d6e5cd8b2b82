"""Connection strings: which database they name, what is written in them, and how they are shown. Pure.

``sqlite:///path``, or ODBC's ``key=value;key={value}`` for SQL Server. No error quotes what it was given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

_SQLITE = "sqlite:///"
_PASSWORD_KEYS = ("pwd", "password")
# Keywords that ADO.NET alone has, and their names in ODBC; "" where ODBC has none and needs none.
_OF_ADO_NET = {
    "data source": "Server", "initial catalog": "Database", "user id": "UID",
    "integrated security": "Trusted_Connection", "persist security info": "", "multipleactiveresultsets": "",
    "multiple active result sets": "", "trust server certificate": "TrustServerCertificate",
    "host name in certificate": "HostNameInCertificate",
}  # fmt: skip
_COMMON = {
    "server": "Server", "database": "Database", "uid": "UID", "pwd": "PWD", "password": "PWD", "encrypt": "Encrypt",
    "trustservercertificate": "TrustServerCertificate", "authentication": "Authentication",
    "trusted_connection": "Trusted_Connection",
}  # fmt: skip
_WITH_WORDS = ("Encrypt", "TrustServerCertificate", "Trusted_Connection", "Authentication")
_WORDS = {
    "true": "yes", "false": "no", "sspi": "yes", "active directory default": "ActiveDirectoryDefault",
    "active directory managed identity": "ActiveDirectoryMsi", "active directory msi": "ActiveDirectoryMsi",
}  # fmt: skip
_PAIR = re.compile(r"\s*([^=;{}]+?)\s*=\s*(\{(?:[^}]|\}\})*\}|(?!\{)[^;]*?)\s*(?:;|$)")


class MalformedConnectionStringError(ValueError):
    """The text is not of the form ``key=value;key={value}``; the message quotes nothing of it."""


def dialect_of(text: str) -> Literal["sqlite", "mssql"] | None:
    """The dialect of the database that a connection string names; None if it names neither.

    A URL of another kind is neither. ``://`` in a value, such as a password, makes no URL.
    """
    if text.startswith(_SQLITE):
        return "sqlite"
    keyword, equals, _ = text.partition("=")
    return "mssql" if equals and "://" not in keyword else None


def sqlite_path(text: str) -> str:
    """The file that a ``sqlite:///`` string names."""
    return text.removeprefix(_SQLITE)


def parse(text: str) -> dict[str, str]:
    """Keywords (lower-case) and values (as written, braces kept), in order; the first of two wins, as in ODBC.

    Raises MalformedConnectionStringError.
    """
    pairs: dict[str, str] = {}
    at = 0
    while text[at:].strip(" ;"):
        found = _PAIR.match(text, at)
        if found is None:
            raise MalformedConnectionStringError(
                "the connection string is not of the form key=value;key=value"
            )
        pairs.setdefault(found.group(1).lower(), found.group(2))
        at = found.end()
        while text[at : at + 1] == ";":
            at += 1
    return pairs


def for_odbc(pairs: Mapping[str, str]) -> str | None:
    """How to write a string of ADO.NET for ODBC, whose driver takes neither its keywords nor its words for yes and no.

    None if it is none of ADO.NET. Values are left out, but for such words: a password with a semicolon, which ADO.NET
    quotes in its own way, would be taken for more pairs.
    """
    written: dict[str, str] = {}
    for key, value in pairs.items():
        keyword = _OF_ADO_NET.get(key, _COMMON.get(key))
        if keyword:
            word = _WORDS.get(value.strip("{} ").lower()) if keyword in _WITH_WORDS else None
            written.setdefault(keyword, word or "...")
    if pairs.keys().isdisjoint(_OF_ADO_NET) and not any(
        written.get(key, "...") != "..." for key in _WITH_WORDS
    ):
        return None
    return ";".join(f"{keyword}={value}" for keyword, value in written.items())


def write(pairs: Mapping[str, str]) -> str:
    """The connection string of the pairs."""
    return ";".join(f"{key}={value}" for key, value in pairs.items())


def holds_password(pairs: Mapping[str, str]) -> bool:
    """Whether a password is written in it."""
    return not pairs.keys().isdisjoint(_PASSWORD_KEYS)


def without_password(text: str, pairs: Mapping[str, str]) -> str:
    """A text of the driver, which may quote what it was given, with any password of the pairs masked."""
    for key in _PASSWORD_KEYS:
        secret = pairs.get(key, "").strip()
        for form in (secret, secret.strip("{}"), secret.strip("{}").replace("}}", "}")):
            if form:
                text = text.replace(form, "***")
    return text
