"""How storage requests prove who asks: a bearer token, a shared access signature, a shared key."""

from __future__ import annotations

from typing import Any

from azure.core.credentials import AccessToken
from yarl import URL

from functions_host.triggers.blobs.connections import StorageAccount
from functions_host.triggers.blobs.credentials import SasSigner, SharedKeySigner, TokenSigner, signer_of

BLOB = URL("https://acct.blob.core.windows.net/img/a%20b.png?comp=metadata", encoded=True)


class GivenToken:
    """An identity that always has the same token (there is none to ask for here)."""

    scopes: tuple[str, ...] = ()
    closed = False

    async def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.scopes = scopes
        return AccessToken("t0ken", 0)

    async def close(self) -> None:
        self.closed = True


async def test_identity_sends_a_bearer_token_for_storage() -> None:
    identity = GivenToken()
    signer = TokenSigner(identity)  # type: ignore[arg-type]
    url, headers = await signer.sign("GET", BLOB, {"If-Match": '"1"'})
    assert (url, headers["Authorization"], headers["If-Match"]) == (BLOB, "Bearer t0ken", '"1"')
    assert identity.scopes == ("https://storage.azure.com/.default",)
    await signer.close()
    assert identity.closed


async def test_signature_is_added_to_the_query_as_it_is() -> None:
    url, headers = await SasSigner("sv=1&sig=a%2Bb").sign("GET", BLOB, {})
    assert str(url) == "https://acct.blob.core.windows.net/img/a%20b.png?comp=metadata&sv=1&sig=a%2Bb"
    assert "Authorization" not in headers


async def test_shared_key_signs_with_the_accounts_name() -> None:
    signer = signer_of(StorageAccount("acct", "https://acct.blob.core.windows.net", "", key="a2V5"))
    assert isinstance(signer, SharedKeySigner)
    _, headers = await signer.sign("GET", BLOB, {})
    assert headers["Authorization"].startswith("SharedKey acct:")
    assert "a2V5" not in str(headers)


async def test_account_without_a_key_is_asked_for_by_identity() -> None:
    account = StorageAccount(
        "acct", "https://acct.blob.core.windows.net", "", managed_identity=True, client_id="id"
    )
    signer = signer_of(account)
    assert isinstance(signer, TokenSigner)
    await signer.close()
