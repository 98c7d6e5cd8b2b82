"""The real queue `webjobs-blobtrigger-poison` in the blobs' own account (contract C1 step 5)."""

from __future__ import annotations

import contextlib

from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import AzureError, ResourceExistsError
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient

from functions_host.errors import StorageUnavailableError
from functions_host.triggers.blobs.connections import StorageAccount
from functions_host.triggers.blobs.credentials import API_VERSION, token_credential
from functions_host.triggers.blobs.messages import QueuedBlob, poison_message

POISON_QUEUE = "webjobs-blobtrigger-poison"


async def put_in_poison_queue(account: StorageAccount, blob: QueuedBlob, etag: str) -> None:
    """Write the message, making the queue if need be. Raises StorageUnavailableError."""
    credential = _credential(account)
    client = QueueClient(
        account.queue_url,
        POISON_QUEUE,
        credential=credential,
        message_encode_policy=TextBase64EncodePolicy(),
        api_version=API_VERSION,
        retry_total=1,
    )
    try:
        async with client:
            with contextlib.suppress(ResourceExistsError):
                await client.create_queue()
            await client.send_message(poison_message(blob, etag), time_to_live=-1)
    except AzureError as error:
        raise StorageUnavailableError(f"poison queue: {type(error).__name__}") from error
    finally:
        if isinstance(credential, AsyncTokenCredential):
            await credential.close()


def _credential(
    account: StorageAccount,
) -> AzureNamedKeyCredential | AzureSasCredential | AsyncTokenCredential:
    if account.key:
        return AzureNamedKeyCredential(account.name, account.key)
    if account.sas:
        return AzureSasCredential(account.sas)
    return token_credential(account)
