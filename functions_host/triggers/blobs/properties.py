"""The trigger metadata `Properties`: .NET's BlobProperties as the host serialises them (contract C4).

Recorded on Functions host 4.1037, Storage extension 5.3.10: the names, their order, and what stands for "not told".
The host's serialiser knows nothing of the type of `ETag`, which is therefore `{}` always: no field tells the version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

NO_TIME = "0001-01-01T00:00:00+00:00"
"""What .NET's times are when storage told none."""

Told = Callable[[str], str | None]


def properties_of(headers: Mapping[str, str], metadata: Mapping[str, str]) -> dict[str, Any]:
    """The properties as a HEAD of the blob tells them; `headers` finds names in any case."""
    told = headers.get

    def coded(name: str, words: Mapping[str, int], default: int = 0) -> int:
        return words.get((told(name) or "").lower(), default)

    copy = _COPY_STATUS.get((told("x-ms-copy-status") or "").lower())
    return {
        "LastModified": _time(told("Last-Modified")),
        "CreatedOn": _time(told("x-ms-creation-time")),
        "Metadata": dict(metadata),
        "ObjectReplicationDestinationPolicyId": told("x-ms-or-policy-id"),
        "ObjectReplicationSourceProperties": None,
        "BlobType": coded("x-ms-blob-type", {"blockblob": 0, "pageblob": 1, "appendblob": 2}),
        "CopyCompletedOn": _time(told("x-ms-copy-completion-time")),
        "CopyStatusDescription": told("x-ms-copy-status-description"),
        "CopyId": told("x-ms-copy-id"),
        "CopyProgress": told("x-ms-copy-progress"),
        "CopySource": told("x-ms-copy-source"),
        "CopyStatus": copy or 0,
        "BlobCopyStatus": copy,
        "IsIncrementalCopy": _is(told("x-ms-incremental-copy")),
        "DestinationSnapshot": told("x-ms-copy-destination-snapshot"),
        "LeaseDuration": coded("x-ms-lease-duration", {"infinite": 0, "fixed": 1}),
        "LeaseState": coded("x-ms-lease-state", _LEASE_STATE),
        "LeaseStatus": coded("x-ms-lease-status", {"locked": 0, "unlocked": 1}),
        "ContentLength": int(told("Content-Length") or 0),
        "ContentType": told("Content-Type"),
        "ETag": {},
        "ContentHash": told("Content-MD5"),
        "ContentEncoding": told("Content-Encoding"),
        "ContentDisposition": told("Content-Disposition"),
        "ContentLanguage": told("Content-Language"),
        "CacheControl": told("Cache-Control"),
        "BlobSequenceNumber": int(told("x-ms-blob-sequence-number") or 0),
        "AcceptRanges": told("Accept-Ranges"),
        "BlobCommittedBlockCount": int(told("x-ms-blob-committed-block-count") or 0),
        "IsServerEncrypted": _is(told("x-ms-server-encrypted")),
        "EncryptionKeySha256": told("x-ms-encryption-key-sha256"),
        "EncryptionScope": told("x-ms-encryption-scope"),
        "AccessTier": told("x-ms-access-tier"),
        "AccessTierInferred": _is(told("x-ms-access-tier-inferred")),
        "ArchiveStatus": told("x-ms-archive-status"),
        "AccessTierChangedOn": _time(told("x-ms-access-tier-change-time")),
        "VersionId": told("x-ms-version-id"),
        "IsLatestVersion": _is(told("x-ms-is-current-version")),
        "TagCount": int(told("x-ms-tag-count") or 0),
        "ExpiresOn": _time(told("x-ms-expiry-time")),
        "IsSealed": _is(told("x-ms-blob-sealed")),
        "RehydratePriority": told("x-ms-rehydrate-priority"),
        "LastAccessed": _time(told("x-ms-last-access-time")),
        "ImmutabilityPolicy": {
            "ExpiresOn": _time(told("x-ms-immutability-policy-until-date"), None),
            "PolicyMode": _POLICY_MODE.get((told("x-ms-immutability-policy-mode") or "").lower()),
        },
        "HasLegalHold": _is(told("x-ms-legal-hold")),
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
