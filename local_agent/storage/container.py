"""The container: make it if allowed, or say what is missing before the first file is tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.blob import ContainerClient

from local_agent.errors import BlockedError, TransientError
from local_agent.storage.account import ACCOUNT_URL, API_VERSION, CONNECTION_STRING, SAS_URL, open_account
from local_agent.storage.answers import Meaning, answer_to_put


def create_container(environment: Mapping[str, str], container: str) -> bool:
    """Make the container unless it exists; true if it was made now.

    Raises TransientError if the service does not answer, BlockedError if it refuses.
    """
    try:
        with _client(environment, container) as client:
            client.create_container()
        return True
    except ResourceExistsError:
        return False
    except (ServiceRequestError, ServiceResponseError) as error:
        raise TransientError(f"the storage service cannot be reached: {type(error).__name__}") from None
    except ClientAuthenticationError as error:
        raise BlockedError(_refusal(error, container)) from None
    except HttpResponseError as error:
        answer = answer_to_put(error.status_code or 0, _code(error), container)
        if answer.meaning is Meaning.RETRY:
            raise TransientError(answer.explanation) from None
        raise BlockedError(_refusal(error, container)) from None
    except AzureError as error:
        raise BlockedError(f"the storage client refuses: {type(error).__name__}") from None
    except ValueError as error:
        raise BlockedError(f"the storage settings are not usable: {type(error).__name__}") from None


def _refusal(error: HttpResponseError, container: str) -> str:
    status, code = error.status_code or 403, _code(error)
    return answer_to_put(status, code, container).explanation or f"the service refuses: {status} {code}"


def _code(error: HttpResponseError) -> str:
    """The service's own word for the error; the SDK gives an enum, or nothing."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def _client(environment: Mapping[str, str], container: str) -> ContainerClient:
    open_account(environment, container)  # says what is missing in the agent's own words
    # The caller tries again. The version is the upload's own: an emulator may not know the SDK's newest.
    options: dict[str, Any] = {
        "retry_total": 0,
        "connection_timeout": 5,
        "read_timeout": 10,
        "api_version": API_VERSION,
    }
    if environment.get(CONNECTION_STRING):
        return ContainerClient.from_connection_string(environment[CONNECTION_STRING], container, **options)
    if environment.get(SAS_URL):
        base, _, sas = environment[SAS_URL].partition("?")
        url = base.rstrip("/").removesuffix(f"/{container}")
        return ContainerClient(url, container, credential=sas, **options)
    from azure.identity import DefaultAzureCredential

    return ContainerClient(
        environment[ACCOUNT_URL], container, credential=DefaultAzureCredential(), **options
    )
