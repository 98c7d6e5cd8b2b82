"""The quarantine container: the bytes of rejected and failed images, kept for a person to look at.

Copies are made by the storage service (a huge blob never passes through this process), conditional on
the run's version of the blob, under a name that a second try finds taken: idempotent.
"""

from __future__ import annotations

from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from function_app.errors import BlobMissing, Superseded
from function_app.models.runs import RunRecord
from function_app.storage.errors import storage_errors
from function_app.storage.kept_state import make_container

_LONGEST_TAIL = 120


class Quarantine:
    """One container, created if missing (infra creates it beforehand)."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._service = service
        self._container = container

    def keep(self, record: RunRecord) -> str | None:
        """Copy the blob of this run; the copy's name, or None if its bytes are gone.

        Raises StorageUnavailable.
        """
        try:
            return self._copy(record)
        except BlobMissing:  # raised for a missing container too
            make_container(self._service, self._container)
        try:
            return self._copy(record)
        except BlobMissing:
            return None

    def _copy(self, record: RunRecord) -> str | None:
        name = quarantine_name(record)
        source = self._service.get_blob_client(record.container, record.blob_name)
        copy = self._service.get_blob_client(self._container, name)
        try:
            with storage_errors():
                copy.start_copy_from_url(
                    source.url,
                    metadata=quarantine_metadata(record),
                    source_etag=f'"{record.etag}"',
                    source_match_condition=MatchConditions.IfNotModified,
                    match_condition=MatchConditions.IfMissing,
                )
        except ResourceExistsError:
            return name
        except Superseded:
            return None
        return name


def quarantine_name(record: RunRecord) -> str:
    """``<reason>/<run id>-<end of the blob's name>``: short enough whatever the blob is called."""
    tail = record.blob_name.rpartition("/")[2][-_LONGEST_TAIL:] or "blob"
    return f"{record.reason or record.outcome}/{record.run_id}-{tail}"


def quarantine_metadata(record: RunRecord) -> dict[str, str]:
    """Whose bytes these are and why they are here; ASCII, as metadata must be."""
    known = {
        "runid": record.run_id,
        "reason": record.reason or record.outcome,
        "attempt": str(record.attempt),
        "container": record.container,
        "blobname": quote(record.blob_name, safe="/"),
        "etag": record.etag,
        "deviceid": record.device_id or "",
        "sourcename": record.source_name or "",
    }
    return {key: value for key, value in known.items() if value}
