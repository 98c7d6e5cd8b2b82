"""Blob storage: reading one version of one blob, and listing them all, page by page.

Reads are conditional on the ETag, so a run never mixes two versions of an image.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Any

from azure.core import MatchConditions
from azure.storage.blob import BlobProperties, BlobServiceClient

from function_app.errors import BlobMissing, Superseded, TooLarge
from function_app.models.identity import lineage_of, plain_etag, run_id_of, traceparent_of
from function_app.models.runs import ImageVersion, RunRequest
from function_app.settings import Settings, StorageSettings
from function_app.storage.errors import storage_errors
from function_app.storage.journal_segments import JournalSegments
from function_app.storage.purge_position import PurgePositionBlob
from function_app.storage.quarantine import Quarantine
from function_app.storage.sweep_position import SweepPositionBlob

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


@dataclass(frozen=True)
class BlobPage:
    """Some blobs, as the runs of their present versions; ``next_cursor`` is null on the last page."""

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
        self.quarantine = Quarantine(service, quarantine_container)
        self.sweep_position = SweepPositionBlob(service, quarantine_container)
        self.purge_position = PurgePositionBlob(service, quarantine_container)
        self.journal = JournalSegments(service, quarantine_container)

    def read(self, image: ImageVersion) -> bytes:
        """The bytes of exactly this version.

        Raises TooLarge (before any download, where the size is known), BlobMissing, Superseded, StorageUnavailable.
        Validation and scoring of one image follow each other: the second read is from memory, until ``forget``.
        """
        if image.size_bytes > self._max_bytes:
            raise TooLarge(f"{image.size_bytes} bytes; at most {self._max_bytes} are accepted.")
        known = self._recent.get(image)
        if known is not None:
            return known
        try:
            data = self._download(image)
        except Superseded:
            # Azurite answers "condition not met" for a blob that is gone, too; a person wants to know which.
            if self.present_run(image.container, image.blob_name) is None:
                raise BlobMissing("The blob of this run no longer exists.") from None
            raise
        self._recent.put(image, data)
        return data

    def forget(self, image: ImageVersion) -> None:
        """No step reads this version again: let go of its bytes."""
        self._recent.forget(image)

    def _download(self, image: ImageVersion) -> bytes:
        with storage_errors():
            blob = self._service.get_blob_client(image.container, image.blob_name)
            stream = blob.download_blob(etag=f'"{image.etag}"', match_condition=MatchConditions.IfNotModified)
            if stream.size > self._max_bytes:  # whoever told of the blob did not tell its size
                raise TooLarge(f"{stream.size} bytes; at most {self._max_bytes} are accepted.")
            return bytes(stream.readall())

    def present_run(self, container: str, blob_name: str) -> RunRequest | None:
        """The run of the blob's present version; None if there is no such blob. Raises StorageUnavailable."""
        try:
            with storage_errors():
                told = self._service.get_blob_client(container, blob_name).get_blob_properties()
        except BlobMissing:
            return None
        return run_request(container, told)

    def page(self, cursor: str | None, most: int) -> BlobPage:
        """Up to ``most`` blobs in the order of their names, after the last page's ``cursor``.

        Raises StorageUnavailable.
        """
        with storage_errors():
            pages = (
                self._service.get_container_client(self._container)
                .list_blobs(include=["metadata"], results_per_page=most)
                .by_page(continuation_token=cursor or None)
            )
            runs = tuple(run_request(self._container, told) for told in next(pages, ()))
        return BlobPage(runs, getattr(pages, "continuation_token", None) or None)

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


_MOST_BYTES = 16 * 1024 * 1024


class RecentBytes:
    """Least recently used goes first; bounded in bytes; safe between threads."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
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
        """Remember the bytes of this version."""
        with self._lock:
            if image in self._bytes:
                return
            self._bytes[image] = data
            self._held += len(data)
            while self._held > self._most_bytes:
                _, forgotten = self._bytes.popitem(last=False)
                self._held -= len(forgotten)

    def forget(self, image: ImageVersion) -> None:
        """Drop the bytes of this version, if they are held."""
        with self._lock:
            self._held -= len(self._bytes.pop(image, b""))
