"""From a connection's name to a storage account: connection string or identity.

`AzureWebJobs<NAME>` is looked up before `<NAME>`, as WebJobs does; `<NAME>__blobServiceUri` and its
kin select identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from functions_host.errors import SettingsError
from functions_host.loading.app_settings import find

_DEVELOPMENT_ACCOUNT = "devstoreaccount1"
_DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True)
class StorageAccount:
    """Where an account is and how to prove who we are: a key, a SAS, or (neither) an identity."""

    name: str
    blob_url: str
    queue_url: str
    key: str | None = field(default=None, repr=False)
    sas: str | None = field(default=None, repr=False)
    managed_identity: bool = False
    client_id: str | None = None


def resolve_connection(name: str, settings: Mapping[str, str]) -> StorageAccount:
    """The account a trigger's `connection` names (empty: AzureWebJobsStorage). Raises SettingsError."""
    wanted = name or "AzureWebJobsStorage"
    candidates = ("AzureWebJobsStorage",) if wanted == "Storage" else (f"AzureWebJobs{wanted}", wanted)
    for candidate in candidates:
        text = find(settings, candidate)
        if text:
            return parse_connection_string(text, candidate)
        by_identity = _identity(candidate, settings)
        if by_identity is not None:
            return by_identity
    raise SettingsError(
        f"the storage connection {wanted!r} is not set: set {wanted} (a connection string)"
        f" or {wanted}__blobServiceUri (for an identity)"
    )


def parse_connection_string(text: str, where: str) -> StorageAccount:
    """A storage connection string; raises SettingsError that never quotes it."""
    parts = {
        key.strip().lower(): value.strip()
        for key, _, value in (part.partition("=") for part in text.split(";") if part.strip())
    }
    if parts.get("usedevelopmentstorage", "").lower() == "true":
        base = parts.get("developmentstorageproxyuri", "http://127.0.0.1").rstrip("/")
        return StorageAccount(
            _DEVELOPMENT_ACCOUNT,
            f"{base}:10000/{_DEVELOPMENT_ACCOUNT}",
            f"{base}:10001/{_DEVELOPMENT_ACCOUNT}",
            _DEVELOPMENT_KEY,
        )
    account = parts.get("accountname", "")
    suffix = parts.get("endpointsuffix", "core.windows.net")
    scheme = parts.get("defaultendpointsprotocol", "https")
    blob = parts.get("blobendpoint") or (f"{scheme}://{account}.blob.{suffix}" if account else "")
    queue = parts.get("queueendpoint") or (f"{scheme}://{account}.queue.{suffix}" if account else "")
    key, sas = parts.get("accountkey"), parts.get("sharedaccesssignature")
    if not blob or not (key or sas):
        raise SettingsError(f"{where} is not a usable storage connection string")
    return StorageAccount(account, blob.rstrip("/"), queue.rstrip("/"), key, (sas or "").lstrip("?") or None)


def _identity(name: str, settings: Mapping[str, str]) -> StorageAccount | None:
    account = find(settings, f"{name}__accountName")
    blob = find(settings, f"{name}__blobServiceUri") or find(settings, f"{name}__serviceUri")
    blob = blob or (f"https://{account}.blob.core.windows.net" if account else None)
    if not blob:
        return None
    queue = find(settings, f"{name}__queueServiceUri") or blob.replace(".blob.", ".queue.")
    managed = (find(settings, f"{name}__credential") or "").lower() == "managedidentity"
    return StorageAccount(
        name=account or blob.partition("//")[2].partition(".")[0],
        blob_url=blob.rstrip("/"),
        queue_url=queue.rstrip("/"),
        managed_identity=managed,
        client_id=find(settings, f"{name}__clientId"),
    )
