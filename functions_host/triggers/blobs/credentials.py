"""Proof of identity on a storage request: shared key, SAS or token.

Shared key: the string to sign of the storage REST documentation ("Authorize with Shared Key").
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl

from yarl import URL

from functions_host.triggers.blobs.connections import StorageAccount

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential

API_VERSION = "2024-11-04"
"""Pinned: Azurite refuses versions newer than itself, and nothing newer is needed."""

_SIGNED_HEADERS = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip


class Signer(Protocol):
    """Adds what proves the caller's identity."""

    async def sign(self, method: str, url: URL, headers: Mapping[str, str]) -> tuple[URL, dict[str, str]]:
        """The URL and headers to send."""
        ...

    async def close(self) -> None:
        """Give up connections of its own."""
        ...


def signer_of(account: StorageAccount) -> Signer:
    """The signer that suits how the account was named."""
    if account.key:
        return SharedKeySigner(account.name, account.key)
    if account.sas:
        return SasSigner(account.sas)
    return TokenSigner(token_credential(account))


def token_credential(account: StorageAccount) -> AsyncTokenCredential:
    """The identity of an account named without a key: managed, or whatever the machine offers."""
    # Imported here because azure-identity is a third of the host's start-up time and local work needs none of it.
    from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential

    if account.managed_identity:
        return ManagedIdentityCredential(client_id=account.client_id)
    return DefaultAzureCredential(managed_identity_client_id=account.client_id)


class SharedKeySigner:
    """HMAC-SHA256 with the account key."""

    def __init__(self, account: str, key: str) -> None:
        self._account = account
        self._key = base64.b64decode(key)

    async def sign(self, method: str, url: URL, headers: Mapping[str, str]) -> tuple[URL, dict[str, str]]:
        sent = {"x-ms-version": API_VERSION, "x-ms-date": formatdate(usegmt=True), **headers}
        lowered = {name.lower(): value for name, value in sent.items()}
        lines = [method, *(lowered.get(name, "") for name in _SIGNED_HEADERS)]
        lines += [f"{name}:{lowered[name]}" for name in sorted(lowered) if name.startswith("x-ms-")]
        lines.append(f"/{self._account}{url.raw_path}")
        query = parse_qsl(url.raw_query_string, keep_blank_values=True)
        lines += [f"{name.lower()}:{value}" for name, value in sorted(query)]
        digest = hmac.digest(self._key, "\n".join(lines).encode(), hashlib.sha256)
        sent["Authorization"] = f"SharedKey {self._account}:{base64.b64encode(digest).decode()}"
        return url, sent

    async def close(self) -> None:
        return None


class SasSigner:
    """A shared access signature in the query string."""

    def __init__(self, sas: str) -> None:
        self._sas = sas

    async def sign(self, method: str, url: URL, headers: Mapping[str, str]) -> tuple[URL, dict[str, str]]:
        query = "&".join(part for part in (url.raw_query_string, self._sas) if part)
        signed = URL(f"{url.with_query(None)}?{query}", encoded=True)
        return signed, {"x-ms-version": API_VERSION, **headers}

    async def close(self) -> None:
        return None


class TokenSigner:
    """A bearer token of an Entra identity; azure-identity caches and renews it."""

    def __init__(self, credential: AsyncTokenCredential) -> None:
        self._credential = credential

    async def sign(self, method: str, url: URL, headers: Mapping[str, str]) -> tuple[URL, dict[str, str]]:
        token = await self._credential.get_token("https://storage.azure.com/.default")
        return url, {"x-ms-version": API_VERSION, "Authorization": f"Bearer {token.token}", **headers}

    async def close(self) -> None:
        await self._credential.close()
