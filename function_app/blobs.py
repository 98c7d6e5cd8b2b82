"""Blob storage: reading one version of one blob. Every SDK exception becomes Permanent or Transient.

Reads are conditional on the ETag, so a run never mixes two versions of an image. Messages carry the
service's status and error code, never its text, which can quote signed URLs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobProperties, BlobServiceClient

from function_app.errors import BlobMissing, StorageUnavailable, Superseded, TooLarge
from function_app.identity import lineage_of, plain_etag, run_id_of, traceparent_of
from function_app.models import ImageVersion, RunRequest
from function_app.recent_bytes import RecentBytes
from function_app.settings import Settings, StorageSettings

# The orchestration retries with growing delay; the client only smooths over a single hiccup, because
# an activity that waits long inside holds a thread of the pool.
_CLIENT_OPTIONS: dict[str, Any] = {
    "retry_total": 1,
    "initial_backoff": 1,
    "connection_timeout": 5,
    "read_timeout": 20,
    "logging_enable": False,
    # Pinned: the SDK's newest is ahead of what Azurite understands, and an upgrade must not change it.
    "api_version": "2025-11-05",
}


class ImageBlobs:
    """The image container. One client, shared by all threads."""

    def __init__(self, service: BlobServiceClient, container: str, max_bytes: int) -> None:
        self._service = service
        self._container = container
        self._max_bytes = max_bytes
        self._recent = RecentBytes()

    def read(self, image: ImageVersion) -> bytes:
        """The bytes of exactly this version.

        Raises TooLarge before any download, BlobMissing, Superseded, StorageUnavailable.
        Validation and scoring of one image follow each other: the second read is from memory.
        """
        if image.size_bytes > self._max_bytes:
            raise TooLarge(f"{image.size_bytes} bytes; at most {self._max_bytes} are accepted.")
        known = self._recent.get(image)
        if known is not None:
            return known
        with storage_errors():
            blob = self._service.get_blob_client(image.container, image.blob_name)
            stream = blob.download_blob(etag=f'"{image.etag}"', match_condition=MatchConditions.IfNotModified)
            data: bytes = stream.readall()
        self._recent.put(image, data)
        return data

    def present_run(self, container: str, blob_name: str) -> RunRequest | None:
        """The run of the blob's present version; None if there is no such blob. Raises StorageUnavailable."""
        try:
            with storage_errors():
                told = self._service.get_blob_client(container, blob_name).get_blob_properties()
        except BlobMissing:
            return None
        return run_request(container, told)

    def ping(self) -> None:
        """Ask whether the image container answers. Raises StorageUnavailable, BlobMissing without container."""
        with storage_errors():
            self._service.get_container_client(self._container).get_container_properties()


def run_request(container: str, told: BlobProperties) -> RunRequest:
    """The run of a blob version as the storage SDK tells of it."""
    etag = plain_etag(told.etag)
    return RunRequest(
        run_id=run_id_of(container, told.name, etag),
        image=ImageVersion(container, told.name, etag, told.size),
        lineage=lineage_of(told.name, told.metadata or {}, told.last_modified),
        traceparent=traceparent_of(told.metadata or {}),
    )


def open_blobs(settings: Settings) -> ImageBlobs:
    """The container as the settings say; nothing is connected until the first read."""
    return ImageBlobs(connect(settings.storage), settings.container, settings.limits.max_bytes)


def connect(storage: StorageSettings) -> BlobServiceClient:
    """A client by connection string, or by the app's identity."""
    if storage.connection_string:
        return BlobServiceClient.from_connection_string(storage.connection_string, **_CLIENT_OPTIONS)
    # Imported here only: identity costs start-up time and is not needed on one computer.
    from azure.identity import DefaultAzureCredential

    credential = DefaultAzureCredential(managed_identity_client_id=storage.client_id)
    return BlobServiceClient(str(storage.blob_service_uri), credential=credential, **_CLIENT_OPTIONS)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Translate what the SDK raises.

    A refused credential counts as transient: an operator mends it, and the image is not to blame.
    """
    try:
        yield
    except ResourceNotFoundError:
        raise BlobMissing("The blob of this run no longer exists.") from None
    except ResourceModifiedError:
        raise Superseded("The blob was overwritten; its new version is another run.") from None
    except HttpResponseError as error:
        code = getattr(error, "error_code", None) or "no code"
        raise StorageUnavailable(f"Storage answered {error.status_code} ({code}).") from None
    except AzureError as error:
        raise StorageUnavailable(f"Storage did not answer ({type(error).__name__}).") from None
