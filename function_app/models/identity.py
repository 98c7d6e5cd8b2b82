"""Run ids, blob keys, and the source metadata in the blob names and blob metadata that our agent writes.

Pure. The grammar is the blob contract, which tests/contract checks on both sides. A blob with any
other name is processed too; it merely has no source metadata.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from function_app.models.runs import SourceMetadata

_BLOB_NAME = re.compile(
    r"(?P<device>[a-z0-9][a-z0-9-]{0,62})/(?P<captured>\d{8}T\d{12}Z)-(?P<digest>[0-9a-f]{16})\.(?P<ext>[a-z0-9]{1,8})"
)
_DEVICE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")  # W3C, version 00
_SOURCE_NAME = re.compile(r"[A-Za-z0-9._\-/%~]{1,2048}")


def plain_etag(etag: str) -> str:
    """The ETag without quotes: services quote it in some answers and not in others."""
    return etag.strip().removeprefix("W/").strip('"')


def run_id_of(container: str, blob_name: str, etag: str) -> str:
    """The id of the run of one blob version: 32 hex digits, the same on every delivery."""
    text = f"{container}\n{blob_name}\n{plain_etag(etag)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def blob_key_of(container: str, blob_name: str) -> str:
    """A key of fixed length for a blob's name, which may have 1,024 characters: too long for an index."""
    return hashlib.sha256(f"{container}\n{blob_name}".encode("utf-8", "surrogatepass")).hexdigest()


def is_run_id(text: str) -> bool:
    """Whether the text has the form of a run id; anything else needs no look-up."""
    return _RUN_ID.fullmatch(text) is not None


def source_metadata_of(
    blob_name: str, metadata: Mapping[str, str], uploaded_at: datetime | None
) -> SourceMetadata:
    """From the blob's metadata, and from its name where the metadata says nothing.

    Anyone may write metadata: a value that does not fit its grammar is left out, never an error.
    """
    values = {key.lower(): value for key, value in metadata.items()}
    name = _BLOB_NAME.fullmatch(blob_name)
    return SourceMetadata(
        device_id=_matching(_DEVICE_ID, values.get("deviceid")) or (name["device"] if name else None),
        source_name=_matching(_SOURCE_NAME, values.get("sourcename")),
        captured_at=_time(values.get("capturedat")) or (_name_time(name["captured"]) if name else None),
        uploaded_at=uploaded_at,
        sha256=_matching(_SHA256, values.get("sha256")),
    )


def traceparent_of(metadata: Mapping[str, str]) -> str | None:
    """The W3C trace that the uploader began; None if there is none or it is malformed."""
    return _matching(_TRACEPARENT, {key.lower(): value for key, value in metadata.items()}.get("traceparent"))


def _matching(grammar: re.Pattern[str], text: str | None) -> str | None:
    return text if text is not None and grammar.fullmatch(text) else None


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _name_time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None
