"""Where the journal of started runs is kept: append blobs ``live/…`` in the quarantine container.

A segment has one writer, its process. Every process reads its new lines, and any process deletes it once its runs
have ended. Appending leaves no soft-deleted copy behind, as overwriting would.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from azure.core import MatchConditions
from azure.storage.blob import BlobServiceClient

from function_app.errors import BlobMissing, ContainerMissing, Superseded
from function_app.storage.errors import storage_errors
from function_app.storage.kept_state import make_container

PREFIX = "live/"


@dataclass(frozen=True)
class Segment:
    """One segment, out of the container's listing; ``size`` in bytes."""

    name: str
    etag: str
    size: int
    changed_at: datetime


@dataclass(frozen=True)
class Reading:
    """All segments, and the new bytes of those that grew, by name."""

    segments: tuple[Segment, ...]
    added: Mapping[str, bytes]


class JournalSegments:
    """The segments of all processes. Every method may raise StorageUnavailable."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._service = service
        self._container = container

    def begin(self, name: str) -> None:
        """Create an empty segment, and the container if missing."""
        try:
            self._create(name)
        except ContainerMissing:
            make_container(self._service, self._container)
            self._create(name)

    def append(self, name: str, lines: bytes) -> None:
        """Append whole lines. Raises BlobMissing if the segment was deleted meanwhile: then begin another."""
        try:
            with storage_errors(self._container):
                self._service.get_blob_client(self._container, name).append_block(lines)
        except ContainerMissing:  # and with it the segment
            raise BlobMissing("The journal's container is not there.") from None

    def read(self, read_up_to: Mapping[str, int]) -> Reading:
        """Every segment, and its bytes beyond those read before: one request, and one for each segment that grew."""
        segments = self._list()
        added = {}
        for segment in segments:
            known = read_up_to.get(segment.name, 0)
            if segment.size > known:
                with contextlib.suppress(
                    BlobMissing, ContainerMissing
                ):  # deleted since the listing: its runs have ended
                    added[segment.name] = self._part(segment, known)
        return Reading(tuple(segments), added)

    def delete(self, segment: Segment) -> None:
        """Delete it unless it has grown since it was listed."""
        with contextlib.suppress(BlobMissing, ContainerMissing, Superseded), storage_errors(self._container):
            self._service.get_blob_client(self._container, segment.name).delete_blob(
                etag=segment.etag, match_condition=MatchConditions.IfNotModified
            )

    def _create(self, name: str) -> None:
        with storage_errors(self._container):
            self._service.get_blob_client(self._container, name).create_append_blob()

    def _list(self) -> list[Segment]:
        try:
            with storage_errors(self._container):
                return [
                    Segment(blob.name, blob.etag, blob.size, blob.last_modified)
                    for blob in self._service.get_container_client(self._container).list_blobs(
                        name_starts_with=PREFIX
                    )
                ]
        except ContainerMissing:  # no container yet: no run was ever started
            return []

    def _part(self, segment: Segment, known: int) -> bytes:
        with storage_errors(self._container):
            blob = self._service.get_blob_client(self._container, segment.name)
            return bytes(blob.download_blob(offset=known, length=segment.size - known).readall())
