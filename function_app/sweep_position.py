"""Where the last timed sweep stopped: one small blob, so that any worker process can go on from there.

Losing it costs a sweep from the beginning, nothing else; so what cannot be read counts as no position.
"""

from __future__ import annotations

import contextlib
import json

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from function_app.errors import BlobMissing
from function_app.storage_errors import storage_errors

_NAME = "sweep/position.json"


class SweepPosition:
    """The position, kept in the quarantine container (the trigger does not watch it)."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._service = service
        self._container = container

    def read(self) -> str | None:
        """The cursor; None for the beginning. Raises StorageUnavailable."""
        try:
            with storage_errors():
                data: bytes = self._service.get_blob_client(self._container, _NAME).download_blob().readall()
            cursor = json.loads(data).get("cursor")
        except (BlobMissing, ValueError, AttributeError):
            return None
        return cursor if isinstance(cursor, str) else None

    def write(self, cursor: str | None) -> None:
        """Remember it; the container is made when it turns out to be missing. Raises StorageUnavailable."""
        try:
            self._put(cursor)
        except BlobMissing:  # said of a missing container too
            with contextlib.suppress(ResourceExistsError), storage_errors():
                self._service.create_container(self._container)
            self._put(cursor)

    def _put(self, cursor: str | None) -> None:
        with storage_errors():
            self._service.get_blob_client(self._container, _NAME).upload_blob(
                json.dumps({"cursor": cursor}), overwrite=True
            )
