"""What a blob-triggered function receives beside the bytes: trigger metadata (contract C4), or a reference (C4b).

Recorded on Functions host 4.1037, Storage extension 5.3.10: the names, their order, what stands for a missing value,
and which characters are escaped. `Properties` is .NET's BlobProperties. The host's serialiser does not know the type
of `ETag`, which is therefore always `{}`: no field names the version.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from azure.functions.meta import Datum

from functions_host.loading.deferred import ModelBindingData
from functions_host.triggers.blobs.messages import PresentBlob, QueuedBlob


def trigger_metadata(blob: QueuedBlob, found: PresentBlob, tokens: Mapping[str, str]) -> dict[str, Datum]:
    """The metadata datums of a blob invocation (contract C4)."""
    metadata = {name: Datum(value, "string") for name, value in tokens.items()}
    metadata["BlobTrigger"] = Datum(blob.path, "string")
    metadata["Uri"] = Datum(compact(found.uri), "json")
    metadata["Properties"] = Datum(compact(found.properties), "json")
    metadata["Metadata"] = Datum(compact(found.metadata), "json")
    return metadata


NO_TIME = "0001-01-01T00:00:00+00:00"
"""What .NET's times are when storage sent none."""


def properties_of(headers: Mapping[str, str], metadata: Mapping[str, str]) -> dict[str, Any]:
    """The properties out of the headers of a HEAD; `headers` finds names in any case."""
    header = headers.get

    def coded(name: str, words: Mapping[str, int], default: int = 0) -> int:
        return words.get((header(name) or "").lower(), default)

    copy = _COPY_STATUS.get((header("x-ms-copy-status") or "").lower())
    return {
        "LastModified": _time(header("Last-Modified")),
        "CreatedOn": _time(header("x-ms-creation-time")),
        "Metadata": dict(metadata),
        "ObjectReplicationDestinationPolicyId": header("x-ms-or-policy-id"),
        "ObjectReplicationSourceProperties": None,
        "BlobType": coded("x-ms-blob-type", {"blockblob": 0, "pageblob": 1, "appendblob": 2}),
        "CopyCompletedOn": _time(header("x-ms-copy-completion-time")),
        "CopyStatusDescription": header("x-ms-copy-status-description"),
        "CopyId": header("x-ms-copy-id"),
        "CopyProgress": header("x-ms-copy-progress"),
        "CopySource": header("x-ms-copy-source"),
        "CopyStatus": copy or 0,
        "BlobCopyStatus": copy,
        "IsIncrementalCopy": _is(header("x-ms-incremental-copy")),
        "DestinationSnapshot": header("x-ms-copy-destination-snapshot"),
        "LeaseDuration": coded("x-ms-lease-duration", {"infinite": 0, "fixed": 1}),
        "LeaseState": coded("x-ms-lease-state", _LEASE_STATE),
        "LeaseStatus": coded("x-ms-lease-status", {"locked": 0, "unlocked": 1}),
        "ContentLength": int(header("Content-Length") or 0),
        "ContentType": header("Content-Type"),
        "ETag": {},
        "ContentHash": header("Content-MD5"),
        "ContentEncoding": header("Content-Encoding"),
        "ContentDisposition": header("Content-Disposition"),
        "ContentLanguage": header("Content-Language"),
        "CacheControl": header("Cache-Control"),
        "BlobSequenceNumber": int(header("x-ms-blob-sequence-number") or 0),
        "AcceptRanges": header("Accept-Ranges"),
        "BlobCommittedBlockCount": int(header("x-ms-blob-committed-block-count") or 0),
        "IsServerEncrypted": _is(header("x-ms-server-encrypted")),
        "EncryptionKeySha256": header("x-ms-encryption-key-sha256"),
        "EncryptionScope": header("x-ms-encryption-scope"),
        "AccessTier": header("x-ms-access-tier"),
        "AccessTierInferred": _is(header("x-ms-access-tier-inferred")),
        "ArchiveStatus": header("x-ms-archive-status"),
        "AccessTierChangedOn": _time(header("x-ms-access-tier-change-time")),
        "VersionId": header("x-ms-version-id"),
        "IsLatestVersion": _is(header("x-ms-is-current-version")),
        "TagCount": int(header("x-ms-tag-count") or 0),
        "ExpiresOn": _time(header("x-ms-expiry-time")),
        "IsSealed": _is(header("x-ms-blob-sealed")),
        "RehydratePriority": header("x-ms-rehydrate-priority"),
        "LastAccessed": _time(header("x-ms-last-access-time")),
        "ImmutabilityPolicy": {
            "ExpiresOn": _time(header("x-ms-immutability-policy-until-date"), None),
            "PolicyMode": _POLICY_MODE.get((header("x-ms-immutability-policy-mode") or "").lower()),
        },
        "HasLegalHold": _is(header("x-ms-legal-hold")),
    }


def compact(value: object) -> str:
    """JSON as the host writes metadata: no blanks, and letters beyond ASCII as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_LEASE_STATE = {"available": 0, "leased": 1, "expired": 2, "breaking": 3, "broken": 4}
_COPY_STATUS = {"pending": 0, "success": 1, "aborted": 2, "failed": 3}
_POLICY_MODE = {"mutable": 0, "unlocked": 1, "locked": 2}


def _time(date: str | None, absent: str | None = NO_TIME) -> str | None:
    return absent if date is None else parsedate_to_datetime(date).isoformat()


def _is(text: str | None) -> bool:
    return (text or "").lower() == "true"


_AS_IT_IS = frozenset("!#$%()*,-./:;=?@[]^_{|}~ ") | frozenset(
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)
_SHORT = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "\\": "\\\\"}


def blob_reference(connection: str, container: str, name: str) -> ModelBindingData:
    """The reference to a blob: connection (the name of its setting), container, name. No version and no size."""
    content = ",".join(
        f'"{key}":{_text(value)}'
        for key, value in (("Connection", connection), ("ContainerName", container), ("BlobName", name))
    )
    return ModelBindingData("1.0", "AzureStorageBlobs", "application/json", f"{{{content}}}".encode())


def _text(value: str) -> str:
    """A JSON string as System.Text.Json writes it: escaped beyond ASCII, and what HTML might trip over too."""
    return (
        '"'
        + "".join(character if character in _AS_IT_IS else _escaped(character) for character in value)
        + '"'
    )


def _escaped(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02X}{units[i + 1]:02X}" for i in range(0, len(units), 2))
