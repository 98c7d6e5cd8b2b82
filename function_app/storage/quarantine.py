"""The quarantine container: the bytes of rejected and failed images, kept for a person to look at.

Copies are made by the storage service (a huge blob never passes through this process), conditional on
the run's version of the blob, under a name that a second try finds taken: idempotent. Whatever the blob is called,
the request stays within the limits of Azure Storage: 2 KiB for the address of a copy's source, 8 KiB of metadata.
"""

from __future__ import annotations

import hashlib
import logging
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobClient, BlobServiceClient

from function_app.errors import BlobMissing, ContainerMissing, StorageRefused, Superseded
from function_app.models.runs import RunRecord
from function_app.storage.errors import storage_errors
from function_app.storage.kept_state import make_container

log = logging.getLogger("function_app.storage")

_LONGEST_TAIL = 120
_LONGEST_SOURCE_URL = 2_048
_LONGEST_METADATA_NAME = 2_048  # with `sourcename`, which has as many at most, far below 8 KiB in all


class Quarantine:
    """One container, created if missing (infra creates it beforehand)."""

    def __init__(self, service: BlobServiceClient, container: str, max_bytes: int) -> None:
        self._service = service
        self._container = container
        self._max_bytes = max_bytes

    def keep(self, record: RunRecord) -> str | None:
        """Copy the blob of this run; the copy's name, or None if its bytes are gone or storage refuses to copy them.

        Bytes that cannot be copied do not keep a run from its outcome: they still lie where they are. Raises
        StorageUnavailable.
        """
        try:
            return self._copied(record)
        except StorageRefused as error:
            log.warning("run %s: its bytes are not in quarantine: %s", record.run_id, error)
            return None

    def _copied(self, record: RunRecord) -> str | None:
        try:
            return self._copy(record)
        except BlobMissing:
            return None
        except ContainerMissing:
            make_container(self._service, self._container)
        try:
            return self._copy(record)
        except (BlobMissing, ContainerMissing):  # the source's container: this one is there
            return None

    def _copy(self, record: RunRecord) -> str | None:
        name = quarantine_name(record)
        source = self._service.get_blob_client(record.container, record.blob_name)
        copy = self._service.get_blob_client(self._container, name)
        try:
            with storage_errors(self._container):
                if len(source.url) <= _LONGEST_SOURCE_URL:
                    copy.start_copy_from_url(
                        source.url,
                        metadata=quarantine_metadata(record),
                        source_etag=f'"{record.etag}"',
                        source_match_condition=MatchConditions.IfNotModified,
                        match_condition=MatchConditions.IfMissing,
                    )
                else:
                    self._copy_bytes(source, copy, record)
        except ResourceExistsError:
            return name
        except Superseded:
            return None
        return name

    def _copy_bytes(self, source: BlobClient, copy: BlobClient, record: RunRecord) -> None:
        """Through this process, within the size limit of images. Raises StorageRefused above it."""
        if record.size_bytes > self._max_bytes:
            raise StorageRefused(
                "The blob's name is too long for a copy, and it has too many bytes to pass on."
            )
        stream = source.download_blob(etag=f'"{record.etag}"', match_condition=MatchConditions.IfNotModified)
        if stream.size > self._max_bytes:  # the run's request did not have the size
            raise StorageRefused(
                "The blob's name is too long for a copy, and it has too many bytes to pass on."
            )
        copy.upload_blob(stream.readall(), metadata=quarantine_metadata(record), overwrite=False)


def quarantine_name(record: RunRecord) -> str:
    """``<reason>/<run id>-<end of the blob's name>``: short enough whatever the blob is called."""
    tail = record.blob_name.rpartition("/")[2][-_LONGEST_TAIL:] or "blob"
    return f"{record.reason or record.outcome}/{record.run_id}-{tail}"


def quarantine_metadata(record: RunRecord) -> dict[str, str]:
    """Whose bytes these are and why they are here; ASCII, as metadata must be.

    A name that is too long is cut, and ``blobnamesha256`` is the SHA-256 of the whole one; the row of the run has it.
    """
    blob_name = _quoted_start(record.blob_name)
    known = {
        "runid": record.run_id,
        "reason": record.reason or record.outcome,
        "attempt": str(record.attempt),
        "container": record.container,
        "blobname": blob_name,
        "blobnamesha256": "" if blob_name == quote(record.blob_name, safe="/") else _sha256(record.blob_name),
        "etag": record.etag,
        "deviceid": record.device_id or "",
        "sourcename": record.source_name or "",
    }
    return {key: value for key, value in known.items() if value}


def _quoted_start(name: str) -> str:
    """As many whole characters of the name, percent-encoded, as metadata may have of it."""
    quoted, length = [], 0
    for character in name:
        quoted.append(quote(character, safe="/"))
        length += len(quoted[-1])
        if length > _LONGEST_METADATA_NAME:
            return "".join(quoted[:-1])
    return "".join(quoted)


def _sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
