"""The app's settings, read from the environment once; secrets never show in a repr.

``IMAGE_STORAGE`` is either a connection string or, for identity-based access, the prefix of
``IMAGE_STORAGE__blobServiceUri`` and its companions (the Functions host's own convention).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from function_app.errors import Misconfigured


@dataclass(frozen=True)
class StorageSettings:
    """How to reach blob storage: one of ``connection_string`` and ``blob_service_uri`` is set."""

    connection_string: str | None = field(default=None, repr=False)
    blob_service_uri: str | None = None
    client_id: str | None = None  # of a user-assigned managed identity


@dataclass(frozen=True)
class ImageLimits:
    """What a valid image is: its size in pixels, and the most bytes its file may have."""

    width: int = 32
    height: int = 32
    max_bytes: int = 1_048_576


@dataclass(frozen=True)
class Settings:
    """Everything the app's own code needs to know about where it runs."""

    storage: StorageSettings
    sql_connection_string: str = field(repr=False)
    container: str = "img"
    quarantine_container: str = "img-quarantine"
    limits: ImageLimits = field(default_factory=ImageLimits)
    retention_days: int = 30


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Settings out of environment variables. Raises Misconfigured naming the variable at fault."""
    return Settings(
        storage=_storage(environ),
        sql_connection_string=_required(environ, "SQL_CONNECTION_STRING"),
        container=environ.get("IMAGE_CONTAINER") or "img",
        quarantine_container=environ.get("QUARANTINE_CONTAINER") or "img-quarantine",
        limits=ImageLimits(
            width=_positive(environ, "IMAGE_WIDTH", 32),
            height=_positive(environ, "IMAGE_HEIGHT", 32),
            max_bytes=_positive(environ, "MAX_IMAGE_BYTES", 1_048_576),
        ),
        retention_days=_positive(environ, "RETENTION_DAYS", 30),
    )


@lru_cache(maxsize=1)
def current_settings() -> Settings:
    """The settings of this process."""
    return read_settings(os.environ)


def _storage(environ: Mapping[str, str]) -> StorageSettings:
    connection_string = environ.get("IMAGE_STORAGE")
    uri = environ.get("IMAGE_STORAGE__blobServiceUri")
    if not connection_string and not uri:
        raise Misconfigured(
            "set IMAGE_STORAGE (connection string) or IMAGE_STORAGE__blobServiceUri (identity)"
        )
    return StorageSettings(connection_string or None, uri or None, environ.get("IMAGE_STORAGE__clientId"))


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name)
    if not value:
        raise Misconfigured(f"set {name}")
    return value


def _positive(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise Misconfigured(f"{name} must be a whole number above 0")
    return int(text)
