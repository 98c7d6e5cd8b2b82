"""The error hierarchy of the function app, with its two branches.

::

    PipelineError
    ├── Permanent               retrying cannot help: becomes a value
    │   ├── Misconfigured       a setting is missing or wrong
    │   ├── BlobMissing         the blob of this run was deleted
    │   ├── Superseded          the blob was overwritten: another version, another run
    │   ├── TooLarge            the blob is over the size limit (known before any download)
    │   ├── StorageRefused      storage will never answer this request for this blob
    │   └── ConflictingResult   the store already holds another result under the same key
    └── Transient               retrying may help: raised, and retried with a growing delay
        ├── StorageUnavailable
        │   └── ContainerMissing
        └── StoreUnavailable

Every adapter turns its library's exceptions into one of these. Messages never contain a secret:
where a library's text could quote a connection string or a signed URL, the adapter writes its own.
"""

# ruff: noqa: N818  (the two branches are adjectives on purpose: `except Transient` reads as it acts)

from __future__ import annotations


class PipelineError(Exception):
    """Anything this app raises on purpose.

    ``reason`` is a stable snake_case code (it is stored, filtered and counted by);
    ``detail`` is one sentence for a person.
    """

    reason = "pipeline_error"

    def __init__(self, detail: str, *, reason: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if reason is not None:
            self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


class Permanent(PipelineError):
    """Retrying cannot help; the run ends with this reason."""

    reason = "permanent"


class Transient(PipelineError):
    """Retrying may help; the run waits and retries."""

    reason = "transient"


class Misconfigured(Permanent):
    """A setting is missing or wrong; the detail names it."""

    reason = "misconfigured"


class BlobMissing(Permanent):
    """The blob of this run no longer exists."""

    reason = "blob_missing"


class Superseded(Permanent):
    """The blob was overwritten since this run began; its new version is another run."""

    reason = "superseded"


class TooLarge(Permanent):
    """The blob is over the size limit."""

    reason = "too_large"


class StorageRefused(Permanent):
    """Storage refuses this one request, and would refuse it again; the detail has its status and error code."""

    reason = "storage_refused"


class ConflictingResult(Permanent):
    """The store holds another result of the same run and attempt; nothing was overwritten."""

    reason = "conflicting_result"


class StorageUnavailable(Transient):
    """Blob storage did not answer, or refused whatever this app asks."""

    reason = "storage_unavailable"


class ContainerMissing(StorageUnavailable):
    """A container is not there (yet): an operator creates it, and everything goes on; the detail names it."""

    reason = "container_missing"


class StoreUnavailable(Transient):
    """The result store did not answer, is locked, or chose this transaction as a deadlock victim."""

    reason = "store_unavailable"
