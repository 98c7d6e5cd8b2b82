"""Which storage account, and how requests to it are authorised: connection string, SAS, or identity.

Secrets come from the environment of the process that needs them, never through Spark options or arguments,
which Spark shows in its plans, logs and process lists. No repr holds one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import quote, urlsplit

from local_agent.errors import SettingsError

CONNECTION_STRING = "AGENT_STORAGE_CONNECTION_STRING"
SAS_URL = "AGENT_STORAGE_SAS_URL"
ACCOUNT_URL = "AGENT_STORAGE_ACCOUNT_URL"
API_VERSION = "2021-12-02"  # metadata, MD5, conditional Put Blob; known to Azure and to Azurite 3.x
_SCOPE = "https://storage.azure.com/.default"
_SAS_HOURS = 48  # far longer than needed, so that a clock off by a day does not lock the agent out
_RENEW_AFTER_SECONDS = 3600.0


class Authorisation(Protocol):
    """Gives what a request must carry; may renew a token, so it is asked before every request."""

    def query(self) -> str:
        """The part after ``?`` of a request's URL, already encoded, or nothing."""

    def headers(self) -> Mapping[str, str]:
        """The headers a request must carry."""


@dataclass(frozen=True)
class Account:
    """A container of a storage account and the way to be let in."""

    container_url: str
    container: str
    authorisation: Authorisation = field(repr=False)

    def blob_url(self, name: str) -> str:
        """The URL of one blob, encoded, with the query that authorises."""
        query = self.authorisation.query()
        return f"{self.container_url}/{quote(name, safe='/')}" + (f"?{query}" if query else "")


class SharedAccessSignature:
    """A SAS someone else made: sent as it is."""

    def __init__(self, token: str) -> None:
        self._token = token.lstrip("?")

    def query(self) -> str:
        """The SAS itself."""
        return self._token

    def headers(self) -> Mapping[str, str]:
        """Nothing: a SAS authorises by itself."""
        return {}


class AccountKey:
    """An account key, turned into a SAS for the one container, renewed hourly: the key itself never travels."""

    def __init__(
        self, account: str, key: str, container: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._account, self._key, self._container, self._clock = account, key, container, clock
        self._token, self._made_at = "", float("-inf")

    def query(self) -> str:
        """A SAS that may create, write and read blobs of this container."""
        if self._clock() - self._made_at > _RENEW_AFTER_SECONDS:
            from azure.storage.blob import ContainerSasPermissions, generate_container_sas

            self._token = generate_container_sas(
                self._account,
                self._container,
                account_key=self._key,
                permission=ContainerSasPermissions(read=True, create=True, write=True),
                expiry=datetime.now(UTC) + timedelta(hours=_SAS_HOURS),
            )
            self._made_at = self._clock()
        return self._token

    def headers(self) -> Mapping[str, str]:
        """Nothing: the SAS authorises by itself."""
        return {}


class Identity:
    """A Microsoft Entra identity, found by DefaultAzureCredential; its tokens are renewed by the library."""

    def __init__(self) -> None:
        from azure.identity import DefaultAzureCredential

        self._credential = DefaultAzureCredential()
        self._header, self._valid_until = "", 0.0

    def query(self) -> str:
        """Nothing: the token travels in a header."""
        return ""

    def headers(self) -> Mapping[str, str]:
        """A bearer token. Raises azure.core.exceptions.ClientAuthenticationError; the caller translates."""
        if time.time() > self._valid_until:
            token = self._credential.get_token(_SCOPE)
            self._header, self._valid_until = f"Bearer {token.token}", token.expires_on - 300
        return {"Authorization": self._header}


def open_account(environment: Mapping[str, str], container: str) -> Account:
    """The account that the environment names. Raises SettingsError, which says what to set."""
    named = [name for name in (CONNECTION_STRING, SAS_URL, ACCOUNT_URL) if environment.get(name)]
    if len(named) != 1:
        found = " and ".join(named) if named else "none of them"
        raise SettingsError(
            f"set exactly one of {CONNECTION_STRING}, {SAS_URL} or {ACCOUNT_URL}; {found} is set"
        )
    value = environment[named[0]].strip()
    if named[0] == CONNECTION_STRING:
        return _from_connection_string(value, container)
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsError(f"{named[0]} must be a URL such as https://ACCOUNT.blob.core.windows.net")
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    if named[0] == ACCOUNT_URL:
        return Account(f"{base}/{container}", container, Identity())
    if not parts.query:
        raise SettingsError(f"{SAS_URL} has no SAS: it must end in ?sv=...&sig=...")
    # A SAS made for a container comes with the container in its URL, an account SAS without.
    url = base if base.endswith(f"/{container}") else f"{base}/{container}"
    return Account(url, container, SharedAccessSignature(parts.query))


def _from_connection_string(text: str, container: str) -> Account:
    if text.strip().lower().rstrip(";") == "usedevelopmentstorage=true":
        raise SettingsError(
            f"{CONNECTION_STRING}: write the development account in full, with its BlobEndpoint"
        )
    fields = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    known = {name.lower(): value for name, value in fields.items()}
    account = known.get("accountname", "")
    suffix = known.get("endpointsuffix", "core.windows.net")
    scheme = known.get("defaultendpointsprotocol", "https")
    endpoint = known.get("blobendpoint") or (f"{scheme}://{account}.blob.{suffix}" if account else "")
    url = f"{endpoint.rstrip('/')}/{container}"
    if endpoint and known.get("sharedaccesssignature"):
        return Account(url, container, SharedAccessSignature(known["sharedaccesssignature"]))
    if not (endpoint and account and known.get("accountkey")):
        raise SettingsError(
            f"{CONNECTION_STRING} needs AccountName and AccountKey, or BlobEndpoint and a SAS"
        )
    return Account(url, container, AccountKey(account, known["accountkey"], container))
