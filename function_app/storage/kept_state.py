"""One small JSON blob that outlives a process, so that any worker can go on where another stopped.

It lives in the quarantine container, which the trigger does not watch. Losing it costs work done twice, never an
image; so what is missing or cannot be read counts as the beginning.
"""

from __future__ import annotations

import contextlib
import json
from typing import Generic, TypeVar

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from function_app.errors import BlobMissing
from function_app.models.codec import from_json, to_json
from function_app.storage.errors import storage_errors

S = TypeVar("S")


class KeptState(Generic[S]):
    """A frozen dataclass whose fields all have defaults, kept as the blob ``name``."""

    def __init__(self, service: BlobServiceClient, container: str, name: str, kind: type[S]) -> None:
        self._service = service
        self._container = container
        self._name = name
        self._kind = kind

    def read(self) -> S:
        """What was last written. Raises StorageUnavailable."""
        try:
            with storage_errors():
                blob = self._service.get_blob_client(self._container, self._name)
                data: bytes = blob.download_blob().readall()
            return from_json(self._kind, json.loads(data))
        except (BlobMissing, ValueError, TypeError, AttributeError):
            return self._kind()

    def write(self, state: S) -> None:
        """Remember it; the container is made when it turns out to be missing. Raises StorageUnavailable."""
        try:
            self._put(state)
        except BlobMissing:  # said of a missing container too
            make_container(self._service, self._container)
            self._put(state)

    def _put(self, state: S) -> None:
        with storage_errors():
            self._service.get_blob_client(self._container, self._name).upload_blob(
                json.dumps(to_json(state)), overwrite=True
            )


def make_container(service: BlobServiceClient, container: str) -> None:
    """Make it unless somebody was faster. Raises StorageUnavailable."""
    with contextlib.suppress(ResourceExistsError), storage_errors():
        service.create_container(container)
