"""How a file of the device becomes a blob: name, metadata, limits.

The function app reads what is written here and nothing else; both sides are pinned by tests/contract.
Pure: no clock, no I/O.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_from_bytes

from local_agent.errors import FileRefusedError

CONTRACT_VERSION = "1"
MAX_IMAGE_BYTES = (
    1_048_576  # 1 MiB, as function_app's MAX_IMAGE_BYTES: a valid 32x32 PNG with 137 KB of text was found
)
MAX_SOURCE_NAME = (
    2_048  # characters after encoding: the width of runs.source_name, and well under Azure's 8 KB
)
_DEVICE_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_EXTENSION = re.compile(rb"[A-Za-z0-9]{1,8}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST = datetime(1, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class ImageBlob:
    """Everything one Put Blob needs besides the bytes.

    ``md5`` is base64 as the Content-MD5 header wants it; the service checks the body against it.
    """

    name: str
    content_type: str
    md5: str
    sha256: str
    metadata: dict[str, str]


def is_device_id(text: str) -> bool:
    """Whether ``text`` may stand before the slash of a blob name."""
    return _DEVICE_ID.fullmatch(text) is not None


def captured_at(mtime_ns: int) -> datetime:
    """When the file was complete, from its modification time; a clock gone mad is held to years 1 to 9999."""
    try:
        return _EPOCH + timedelta(microseconds=mtime_ns // 1000)
    except OverflowError:
        return _LATEST if mtime_ns > 0 else _EARLIEST


def image_id(device_id: str, source: bytes, mtime_ns: int, sha256: str) -> str:
    """The id of one file of one device: sortable by capture time, the same however often it is computed.

    A crash between upload and move therefore finds its own blob again instead of making a second one.
    """
    parts = (device_id.encode("ascii"), source, str(mtime_ns).encode("ascii"), sha256.encode("ascii"))
    digest = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    moment = captured_at(mtime_ns)
    stamp = f"{moment.year:04d}{moment:%m%dT%H%M%S%f}Z"
    return f"{stamp}-{digest}"


def encoded_source_name(source: bytes) -> str:
    """The path below the inbox as ASCII: bytes outside ``[A-Za-z0-9._-/]`` become %XX, so nothing is lost."""
    return quote_from_bytes(source, safe="/").replace("~", "%7E")


def extension(source: bytes) -> str:
    """The lower-case extension of a file name, or ``bin`` when it has none that a URL may carry."""
    name = source.rsplit(b"/", 1)[-1]
    stem, dot, suffix = name.rpartition(b".")
    if not dot or not stem or not _EXTENSION.fullmatch(suffix):
        return "bin"
    return suffix.lower().decode("ascii")


def traceparent(name: str) -> str:
    """The W3C trace context that begins with this blob: drawn from its name, so a repeated upload has the same."""
    trace = hashlib.sha256(name.encode("ascii")).hexdigest()
    return f"00-{trace[:32]}-{trace[32:48]}-01"


def describe(device_id: str, source: bytes, mtime_ns: int, content: bytes) -> ImageBlob:
    """Name and metadata of the blob for one file; the same input always gives the same blob.

    Raises FileRefusedError when the name cannot be carried in metadata.
    """
    source_name = encoded_source_name(source)
    if len(source_name) > MAX_SOURCE_NAME:
        raise FileRefusedError(
            "name_too_long",
            f"the encoded name has {len(source_name)} characters, {MAX_SOURCE_NAME} are allowed",
        )
    sha256 = hashlib.sha256(content).hexdigest()
    moment = captured_at(mtime_ns)
    suffix = extension(source)
    name = f"{device_id}/{image_id(device_id, source, mtime_ns, sha256)}.{suffix}"
    return ImageBlob(
        name=name,
        content_type="image/png" if suffix == "png" else "application/octet-stream",
        md5=b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode("ascii"),
        sha256=sha256,
        metadata={
            "deviceid": device_id,
            "sourcename": source_name,
            "capturedat": f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S.%f}Z",
            "sha256": sha256,
            "contract": CONTRACT_VERSION,
            "traceparent": traceparent(name),
        },
    )
