"""Put Blob over pooled keep-alive connections: the hot path of the agent.

Measured (docs/adr/0003): the storage SDK spends about 2 ms of processor time per request, this path about a
quarter of it, so a lean request is worth its lines. Credentials and the container stay with the SDK.
Here lie the condition, the checksum, the retries and the meaning of every answer.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from enum import Enum
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from azure.core.exceptions import AzureError
from yarl import URL

from local_agent.blob_contract import ImageBlob
from local_agent.errors import BlockedError, FileRefusedError, TransientError, delay_seconds
from local_agent.storage.account import API_VERSION, Account
from local_agent.storage.answers import Answer, Meaning, answer_to_put

_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=5)
_ATTEMPTS = 3  # inside one micro-batch; longer outages wait in the folder, not in memory
_FIRST_RETRY_SECONDS = 0.1
_LONGEST_RETRY_SECONDS = 2.0


class Stored(Enum):
    """How a blob came to be there."""

    CREATED = "created"
    ALREADY_THERE = (
        "already_there"  # an earlier attempt of this very file was acknowledged or its answer lost
    )


class BlobUploader:
    """Uploads blobs to one container; made inside a running event loop, closed with ``close``."""

    def __init__(
        self,
        account: Account,
        connections: int,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._account = account
        self._pause, self._chance = pause, chance
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=60),
            timeout=_TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            proxy=proxy_of_the_environment(account.container_url),
        )

    async def close(self) -> None:
        """Give back the connections."""
        await self._session.close()

    async def put(self, blob: ImageBlob, content: bytes) -> Stored:
        """Store the blob unless its name exists. Returns only when the service has acknowledged it.

        Raises TransientError after a few tries, BlockedError when someone has to act, FileRefusedError when
        this file can never be stored (``name_conflict``: the name holds other bytes).
        """
        headers = put_headers(blob)
        answer = Answer(Meaning.RETRY)
        for attempt in range(_ATTEMPTS):
            if attempt:
                wait = delay_seconds(
                    attempt, self._chance(), first=_FIRST_RETRY_SECONDS, longest=_LONGEST_RETRY_SECONDS
                )
                await self._pause(max(wait, min(answer.retry_after or 0.0, _LONGEST_RETRY_SECONDS)))
            answer = await self._put_once(blob.name, headers, content)
            if answer.meaning is Meaning.STORED:
                return Stored.CREATED
            if answer.meaning is Meaning.EXISTS:
                return await self._compare(blob)
            if answer.meaning is Meaning.BLOCKED:
                raise BlockedError(answer.explanation)
            if answer.meaning is Meaning.REFUSED:
                raise FileRefusedError("refused_by_service", answer.explanation)
        raise TransientError(answer.explanation)

    async def _put_once(self, name: str, headers: dict[str, str], content: bytes) -> Answer:
        try:
            async with self._session.put(
                self._url(name), data=content, headers=headers | dict(self._account.authorisation.headers())
            ) as response:
                return answer_to_put(
                    response.status,
                    response.headers.get("x-ms-error-code", ""),
                    self._account.container,
                    response.headers.get("Retry-After"),
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Answer(Meaning.RETRY, _unreachable(error))
        except AzureError as error:
            raise BlockedError(
                f"no token for the identity: {type(error).__name__}; see --help on signing in"
            ) from None

    async def _compare(self, blob: ImageBlob) -> Stored:
        """The name exists: the same bytes mean that an earlier attempt was the one that counted."""
        headers = {"x-ms-version": API_VERSION} | dict(self._account.authorisation.headers())
        try:
            async with self._session.head(self._url(blob.name), headers=headers) as response:
                if response.status == 403:
                    raise BlockedError("the credential may not read: it needs create, write and read")
                if response.status != 200:
                    raise TransientError(f"the existing blob could not be looked at: {response.status}")
                same = response.headers.get("x-ms-meta-sha256") == blob.sha256 or (
                    "x-ms-meta-sha256" not in response.headers
                    and response.headers.get("Content-MD5") == blob.md5
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransientError(_unreachable(error)) from None
        if not same:
            raise FileRefusedError("name_conflict", f"the blob {blob.name} exists with other bytes")
        return Stored.ALREADY_THERE

    def _url(self, name: str) -> URL:
        return URL(self._account.blob_url(name), encoded=True)


def proxy_of_the_environment(container_url: str) -> str | None:
    """HTTPS_PROXY or HTTP_PROXY (or the system's setting) for the one host that is spoken to, unless NO_PROXY names it.

    Looked up once: aiohttp's own ``trust_env`` asks in a thread before every request, more than half of
    the sender's processor time (docs/benchmarks-upload.md), and would also send what a .netrc says of the host.
    """
    address = urlsplit(container_url)
    if not address.hostname or proxy_bypass(address.hostname):
        return None
    return getproxies().get(address.scheme)


def put_headers(blob: ImageBlob) -> dict[str, str]:
    """What Put Blob of this image carries besides its authorisation: condition, checksum, metadata."""
    headers = {f"x-ms-meta-{key}": value for key, value in blob.metadata.items()}
    headers["x-ms-version"] = API_VERSION
    headers["x-ms-blob-type"] = "BlockBlob"
    headers["If-None-Match"] = "*"
    headers["Content-MD5"] = blob.md5
    headers["Content-Type"] = blob.content_type
    return headers


def _unreachable(error: BaseException) -> str:
    """What went wrong on the way, by its number: aiohttp writes the URL, and so the SAS, into its texts."""
    cause = getattr(error, "os_error", None) or error
    number = getattr(cause, "errno", None)
    what = os.strerror(number) if isinstance(number, int) and number > 0 else type(error).__name__
    return f"the storage service cannot be reached: {what}"
