"""Which account a connection names (contract C1)."""

from __future__ import annotations

import pytest

from functions_host.errors import SettingsError
from functions_host.triggers.blobs.connections import resolve_connection

ACCOUNT = "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=a2V5;EndpointSuffix=core.windows.net"


def test_prefixed_setting_is_looked_up_first() -> None:
    account = resolve_connection(
        "IMAGES", {"IMAGES": "AccountName=b;AccountKey=a2V5", "AzureWebJobsIMAGES": ACCOUNT}
    )
    assert (account.name, account.blob_url) == ("acct", "https://acct.blob.core.windows.net")


def test_no_connection_means_host_storage() -> None:
    account = resolve_connection("", {"AzureWebJobsStorage": "UseDevelopmentStorage=true"})
    assert account.queue_url == "http://127.0.0.1:10001/devstoreaccount1"


def test_endpoints_of_the_connection_string_win() -> None:
    text = ACCOUNT + ";BlobEndpoint=http://127.0.0.1:9/acct/;QueueEndpoint=http://127.0.0.1:8/acct"
    account = resolve_connection("X", {"X": text})
    assert (account.blob_url, account.queue_url) == ("http://127.0.0.1:9/acct", "http://127.0.0.1:8/acct")


def test_identity_connection() -> None:
    account = resolve_connection(
        "X",
        {
            "X__blobServiceUri": "https://acct.blob.core.windows.net/",
            "X__credential": "managedidentity",
            "X__clientId": "id",
        },
    )
    assert account.blob_url == "https://acct.blob.core.windows.net"
    assert account.queue_url == "https://acct.queue.core.windows.net"
    assert (account.name, account.managed_identity, account.client_id, account.key) == (
        "acct",
        True,
        "id",
        None,
    )


def test_host_storage_by_account_name() -> None:
    account = resolve_connection("", {"AzureWebJobsStorage__accountName": "acct"})
    assert account.blob_url == "https://acct.blob.core.windows.net"


def test_sas_connection_string() -> None:
    account = resolve_connection(
        "X", {"X": "BlobEndpoint=https://a.blob.core.windows.net;SharedAccessSignature=?sv=1&sig=s"}
    )
    assert account.sas == "sv=1&sig=s"


def test_missing_connection_is_named() -> None:
    with pytest.raises(SettingsError, match="IMAGES__blobServiceUri"):
        resolve_connection("IMAGES", {})


def test_secrets_never_show() -> None:
    account = resolve_connection("X", {"X": ACCOUNT})
    assert "a2V5" not in repr(account)
    with pytest.raises(SettingsError) as refused:
        resolve_connection("X", {"X": "AccountKey=c2VjcmV0"})
    assert "c2VjcmV0" not in str(refused.value)
