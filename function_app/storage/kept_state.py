"""One small JSON blob that outlives a process, so that any worker can continue where another stopped.

It is kept in the quarantine container, which the trigger does not watch. Losing it means that work is repeated, never
that an image is lost; so a blob that is missing or unreadable counts as the initial state.
"""

from __future__ import annotations

import contextlib
import json
from typing import Generic, TypeVar

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from function_app.errors import BlobMissing, ContainerMissing
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
        """The state last written. Raises StorageUnavailable."""
        try:
            with storage_errors(self._container):
                blob = self._service.get_blob_client(self._container, self._name)
                data: bytes = blob.download_blob().readall()
            return from_json(self._kind, json.loads(data))
        except (BlobMissing, ContainerMissing, ValueError, TypeError, AttributeError):
            return self._kind()

    def write(self, state: S) -> None:
        """Replace it; the container is created if missing. Raises StorageUnavailable."""
        try:
            self._put(state)
        except ContainerMissing:
            make_container(self._service, self._container)
            self._put(state)

    def _put(self, state: S) -> None:
        with storage_errors(self._container):
            self._service.get_blob_client(self._container, self._name).upload_blob(
                json.dumps(to_json(state)), overwrite=True
            )


def make_container(service: BlobServiceClient, container: str) -> None:
    """Create it unless it exists. Raises StorageUnavailable."""
    with contextlib.suppress(ResourceExistsError), storage_errors(container):
        service.create_container(container)
