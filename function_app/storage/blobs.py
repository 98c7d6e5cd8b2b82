"""The image container: reading one version of one blob, and listing all blobs, page by page.

Reads are conditional on the ETag, so a run never mixes two versions of an image. Bytes that were read are kept in
memory for the next step, up to a limit.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

from azure.core import MatchConditions
from azure.storage.blob import BlobProperties, BlobServiceClient

from function_app.errors import BlobMissing, Superseded, TooLarge
from function_app.models.identity import plain_etag, run_id_of, source_metadata_of, traceparent_of
from function_app.models.runs import ImageVersion, RunRequest
from function_app.settings import Settings, StorageSettings
from function_app.storage.errors import storage_errors
from function_app.storage.journal_segments import JournalSegments
from function_app.storage.purge_position import PurgePositionBlob
from function_app.storage.quarantine import Quarantine
from function_app.storage.sweep_position import SweepPositionBlob

_MOST_BYTES_KEPT = 16 * 1024 * 1024

# The orchestration retries with growing delay; the client retries only once, because an activity that
# waits long holds a thread of the pool.
_CLIENT_OPTIONS: dict[str, Any] = {
    "retry_total": 1,
    "initial_backoff": 1,
    "connection_timeout": 5,
    "read_timeout": 20,
    "logging_enable": False,
    # Pinned: the SDK's newest is ahead of what Azurite understands, and an upgrade must not change it.
    "api_version": "2025-11-05",
}


@dataclass(frozen=True)
class BlobPage:
    """Some blobs, as the runs of their current versions; ``next_cursor`` is None on the last page."""

    runs: tuple[RunRequest, ...]
    next_cursor: str | None


class ImageBlobs:
    """The image container. One client, shared by all threads."""

    def __init__(
        self, service: BlobServiceClient, container: str, quarantine_container: str, max_bytes: int
    ) -> None:
        self._service = service
        self._container = container
        self._max_bytes = max_bytes
        self._recent = RecentBytes()
        self.quarantine = Quarantine(service, quarantine_container, max_bytes)
        self.sweep_position = SweepPositionBlob(service, quarantine_container)
        self.purge_position = PurgePositionBlob(service, quarantine_container)
        self.journal = JournalSegments(service, quarantine_container)

    def read(self, image: ImageVersion) -> bytes:
        """The bytes of exactly this version.

        Raises TooLarge (before any download, where the size is known), BlobMissing, Superseded, StorageRefused,
        StorageUnavailable.
        Scoring follows validation, so its read is usually served from memory, until ``forget``.
        """
        if image.size_bytes > self._max_bytes:
            raise self._too_large(image.size_bytes)
        known = self._recent.get(image)
        if known is not None:
            return known
        try:
            data = self._download(image)
        except Superseded:
            # Azurite answers "condition not met" for a deleted blob, too; people need to know which it was.
            if self.present_run(image.container, image.blob_name) is None:
                raise BlobMissing("The blob of this run no longer exists.") from None
            raise
        self._recent.put(image, data)
        return data

    def forget(self, image: ImageVersion) -> None:
        """Free the bytes of this version: no step will read it again."""
        self._recent.forget(image)

    def present_run(self, container: str, blob_name: str) -> RunRequest | None:
        """The run of the blob's current version; None if there is no such blob.

        Raises StorageUnavailable (ContainerMissing if it is the container that is not there), StorageRefused.
        """
        try:
            with storage_errors(container):
                properties = self._service.get_blob_client(container, blob_name).get_blob_properties()
        except BlobMissing:
            return None
        return run_request(container, properties)

    def page(self, cursor: str | None, most: int) -> BlobPage:
        """Up to ``most`` blobs in the order of their names, after the last page's ``cursor``.

        Raises StorageUnavailable (ContainerMissing without container), StorageRefused for a cursor that is none.
        """
        with storage_errors(self._container):
            pages = (
                self._service.get_container_client(self._container)
                .list_blobs(include=["metadata"], results_per_page=most)
                .by_page(continuation_token=cursor or None)
            )
            runs = tuple(run_request(self._container, blob) for blob in next(pages, ()))
        return BlobPage(runs, getattr(pages, "continuation_token", None) or None)

    def ping(self) -> None:
        """Check that the image container answers. Raises StorageUnavailable, ContainerMissing without container."""
        with storage_errors(self._container):
            self._service.get_container_client(self._container).get_container_properties()

    def _download(self, image: ImageVersion) -> bytes:
        with storage_errors(image.container):
            blob = self._service.get_blob_client(image.container, image.blob_name)
            stream = blob.download_blob(etag=f'"{image.etag}"', match_condition=MatchConditions.IfNotModified)
            if stream.size > self._max_bytes:  # the run's request did not have the size
                raise self._too_large(stream.size)
            return bytes(stream.readall())

    def _too_large(self, size: int) -> TooLarge:
        return TooLarge(f"{size} bytes; at most {self._max_bytes} are accepted.")


def open_blobs(settings: Settings) -> ImageBlobs:
    """The container that the settings name; nothing is connected until the first read."""
    return ImageBlobs(
        connect(settings.storage),
        settings.container,
        settings.quarantine_container,
        settings.limits.max_bytes,
    )


def connect(storage: StorageSettings) -> BlobServiceClient:
    """A client by connection string, or by the app's identity."""
    if storage.connection_string:
        return BlobServiceClient.from_connection_string(storage.connection_string, **_CLIENT_OPTIONS)
    # Imported here only: identity costs start-up time and is not needed on one computer.
    from azure.identity import DefaultAzureCredential

    credential = DefaultAzureCredential(managed_identity_client_id=storage.client_id)
    return BlobServiceClient(str(storage.blob_service_uri), credential=credential, **_CLIENT_OPTIONS)


def run_request(container: str, blob: BlobProperties) -> RunRequest:
    """The run of a blob version, out of its properties."""
    etag = plain_etag(blob.etag)
    return RunRequest(
        run_id=run_id_of(container, blob.name, etag),
        image=ImageVersion(container, blob.name, etag, blob.size),
        source=source_metadata_of(blob.name, blob.metadata or {}, blob.last_modified),
        traceparent=traceparent_of(blob.metadata or {}),
    )


class RecentBytes:
    """A cache of images between two steps: bounded in bytes, least recently used out first, safe between threads."""

    def __init__(self, most_bytes: int = _MOST_BYTES_KEPT) -> None:
        self._most_bytes = most_bytes
        self._held = 0
        self._bytes: OrderedDict[ImageVersion, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, image: ImageVersion) -> bytes | None:
        """The bytes of this version, or None."""
        with self._lock:
            data = self._bytes.get(image)
            if data is not None:
                self._bytes.move_to_end(image)
            return data

    def put(self, image: ImageVersion, data: bytes) -> None:
        """Keep the bytes of this version."""
        with self._lock:
            if image in self._bytes:
                return
            self._bytes[image] = data
            self._held += len(data)
            while self._held > self._most_bytes:
                _, forgotten = self._bytes.popitem(last=False)
                self._held -= len(forgotten)

    def forget(self, image: ImageVersion) -> None:
        """Drop the bytes of this version, if there are any."""
        with self._lock:
            self._held -= len(self._bytes.pop(image, b""))
