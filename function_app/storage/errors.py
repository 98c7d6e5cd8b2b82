"""The one place where the storage SDK's exceptions become Permanent or Transient.

Decided by the service's status and error code, because the SDK's classes mislead: it raises ResourceExistsError for
every 409 (an archived blob, a container that is being deleted) and ResourceNotFoundError for a copy whose source it may
not read. The codes are those of "Common REST API error codes" and "Blob service error codes" of Azure Storage.

Permanent is only what is the fault of one request, because a run ends by it. What befalls every request (a key, a
right, an API version) can be mended by an operator while runs wait, and so may whatever has no known code. Messages
carry status and code, never the service's text, which can quote signed URLs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceModifiedError

from function_app.errors import (
    BlobMissing,
    ContainerMissing,
    PipelineError,
    StorageRefused,
    StorageUnavailable,
    Superseded,
)

_EXISTS = {"BlobAlreadyExists", "ContainerAlreadyExists", "ResourceAlreadyExists"}
# 400: this request's name, metadata or body. Not listed: authentication, API version, and Md5Mismatch (a bad line).
_MALFORMED = {
    "EmptyMetadataKey", "InvalidBlobOrBlock", "InvalidInput", "InvalidMarker", "InvalidMetadata",
    "InvalidQueryParameterValue", "InvalidResourceName", "InvalidUri", "MetadataTooLarge", "OutOfRangeInput",
    "OutOfRangeQueryParameterValue", "RequestUrlFailedToParse",
}  # fmt: skip
# 409: what this blob is. It may change, by a person's hand and after hours, but not by asking again.
_NOT_AS_IT_IS = {
    "BlobArchived", "BlobBeingRehydrated", "BlobImmutableDueToLegalHold", "BlobImmutableDueToPolicy",
    "BlobOperationNotSupported", "BlobUsesCustomerSpecifiedEncryption", "BlockCountExceedsLimit",
    "CopyAcrossAccountsNotSupported", "InvalidBlobType", "InvalidSourceBlobType", "InvalidSourceBlobUrl",
    "ResourceTypeMismatch",
}  # fmt: skip
# By a server in front of the service, without a code: body, address or headers of this request are too long.
_TOO_LONG = {413, 414, 431}


@contextmanager
def storage_errors(container: str = "") -> Iterator[None]:
    """Translate the SDK's exceptions of requests to a container.

    ResourceExistsError passes where something does exist: an idempotent writer handles that itself.
    """
    try:
        yield
    except HttpResponseError as error:
        raw = getattr(error, "error_code", None) or ""
        code = str(getattr(raw, "value", raw))
        if isinstance(error, ResourceExistsError) and code in _EXISTS:
            raise
        status = 412 if isinstance(error, ResourceModifiedError) else error.status_code
        about = getattr(error, "additional_info", None) or {}
        raise meaning_of(status, code, container, about) from None
    except AzureError as error:
        raise StorageUnavailable(f"Storage did not answer ({type(error).__name__}).") from None


def meaning_of(
    status: int | None, code: str, container: str = "", about: Mapping[str, str] | None = None
) -> PipelineError:
    """What an answer means, by status and error code; ``about`` has further fields of the error's body."""
    answer = f"Storage answered {status} ({code or 'no code'})"
    if status == 404:
        if code == "ContainerNotFound":
            return ContainerMissing(f"There is no container {container!r} in the storage account: create it.")
        return BlobMissing("The blob of this run no longer exists.")
    if status in (304, 412) and not code.startswith("Lease"):
        return Superseded("The blob was overwritten; its new version is another run.")
    if code == "ContainerBeingDeleted":
        return ContainerMissing(f"The container {container!r} is being deleted: create it again in a minute.")
    if status in (401, 403):
        return StorageUnavailable(f"{answer}: check the app's key or roles.", reason="storage_forbidden")
    if status == 400 and (code in _MALFORMED or _names_a_header_of_ours(code, about or {})):
        return StorageRefused(f"{answer}; it would refuse this request again.")
    if status == 409 and code in _NOT_AS_IT_IS:
        return StorageRefused(f"{answer}; the blob has to be changed first.")
    if status in _TOO_LONG:
        return StorageRefused(f"{answer}; the blob's name is too long for it.")
    return StorageUnavailable(f"{answer}.")


def _names_a_header_of_ours(code: str, about: Mapping[str, str]) -> bool:
    """Whether the header that is refused is one of this request: the API version is in every request."""
    header = str(about.get("headername") or "").lower()
    return code == "InvalidHeaderValue" and header not in ("", "x-ms-version", "authorization")
