"""What an HTTP answer of Blob Storage means for the file and for the agent. Pure.

Codes: "Blob service error codes" and "Put Blob" of the Azure Storage REST reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Meaning(Enum):
    """What to do after one answer to Put Blob."""

    STORED = "stored"
    EXISTS = "exists"  # compare: the same bytes mean done, others a conflict
    RETRY = "retry"
    BLOCKED = "blocked"  # someone has to change something; all files are kept
    REFUSED = "refused"  # this file can never be stored


@dataclass(frozen=True)
class Answer:
    """The meaning of one HTTP answer, with a sentence for people and the wait the service asked for."""

    meaning: Meaning
    explanation: str = ""
    retry_after: float | None = None


_FILE_FAULTS = frozenset(
    {"InvalidMetadata", "MetadataTooLarge", "EmptyMetadataKey", "RequestBodyTooLarge", "InvalidResourceName"}
)
_REMEDIES = {
    "ContainerNotFound": "container '{container}' does not exist: create it, or start the agent "
    "without --no-create-container",
    "ContainerBeingDeleted": "container '{container}' is being deleted: wait or name another with AGENT_CONTAINER",
    "AuthenticationFailed": "the credential was refused: check the key or SAS in AGENT_STORAGE_*, its expiry, "
    "and this computer's clock",
    "AuthorizationPermissionMismatch": "the identity may not write: give it the role "
    "'Storage Blob Data Contributor' on container '{container}'",
    "AuthorizationFailure": "this computer or its credential is refused: check AGENT_STORAGE_* and "
    "the network rules of the storage account",
    "AuthorizationResourceTypeMismatch": "the SAS does not cover blobs: make one for the container "
    "with permissions create, write and read",
    "AuthorizationProtocolMismatch": "the SAS allows HTTPS only: use the https endpoint",
    "InsufficientAccountPermissions": "the SAS lacks a permission: it needs create, write and read",
    "AccountIsDisabled": "the storage account is disabled: enable it in the portal",
    "PublicAccessNotPermitted": "the credential is missing: set one of AGENT_STORAGE_*",
    "NoAuthenticationInformation": "the credential is missing: set one of AGENT_STORAGE_*",
    "KeyBasedAuthenticationNotPermitted": "the account refuses keys: set AGENT_STORAGE_ACCOUNT_URL to use an identity",
}
_BY_STATUS = {
    401: "the credential was refused: check AGENT_STORAGE_*",
    403: "the service forbids writing: the credential needs create, write and read on container '{container}'",
    404: "the account or container '{container}' was not found: check AGENT_STORAGE_* and AGENT_CONTAINER",
    400: "the service does not accept the request",
    405: "the address is not a blob service: check AGENT_STORAGE_*",
    407: "the proxy asks for a login",
    411: "a proxy on the way removes the length of the request",
}
_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_TRANSIENT_CODES = frozenset({"Md5Mismatch", "ServerBusy", "OperationTimedOut", "InternalError"})


def answer_to_put(status: int, code: str, container: str, retry_after: str | None = None) -> Answer:
    """Judge the answer to one Put Blob with ``If-None-Match: *``; ``code`` is the x-ms-error-code header."""
    if status in (200, 201):
        return Answer(Meaning.STORED)
    if code == "BlobAlreadyExists" or (status == 412) or (status == 409 and not code):
        return Answer(Meaning.EXISTS)
    if status in _TRANSIENT_STATUS or code in _TRANSIENT_CODES or status >= 500:
        return Answer(Meaning.RETRY, f"the service answered {status} {code}".rstrip(), _seconds(retry_after))
    if code in _FILE_FAULTS or status == 413:
        return Answer(Meaning.REFUSED, f"the service refuses this file: {status} {code}".rstrip())
    remedy = _REMEDIES.get(code) or _BY_STATUS.get(status) or "the service refuses the request"
    return Answer(Meaning.BLOCKED, f"{remedy.format(container=container)} ({status} {code}".rstrip() + ")")


def _seconds(retry_after: str | None) -> float | None:
    """The Retry-After header in seconds; its date form is rare and then left to the own delay."""
    try:
        return max(0.0, float(retry_after)) if retry_after is not None else None
    except ValueError:
        return None
