"""The one place where the storage SDK's exceptions become Permanent or Transient.

Messages carry the service's status and error code, never its text, which can quote signed URLs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from function_app.errors import BlobMissing, StorageUnavailable, Superseded


@contextmanager
def storage_errors() -> Iterator[None]:
    """Translate the SDK's exceptions, except ResourceExistsError: an idempotent writer handles that itself.

    A refused credential counts as transient: an operator can repair it, and the image is not to blame.
    """
    try:
        yield
    except ResourceExistsError:
        raise
    except ResourceNotFoundError:
        raise BlobMissing("The blob of this run no longer exists.") from None
    except ResourceModifiedError:
        raise Superseded("The blob was overwritten; its new version is another run.") from None
    except HttpResponseError as error:
        code = getattr(error, "error_code", None) or "no code"
        raise StorageUnavailable(f"Storage answered {error.status_code} ({code}).") from None
    except AzureError as error:
        raise StorageUnavailable(f"Storage did not answer ({type(error).__name__}).") from None
