"""Blob path patterns (contract C3), which account a connection names, what is told of a blob (C4)."""

from __future__ import annotations

import json

import pytest

from functions_host.errors import SettingsError
from functions_host.triggers.blobs.connections import resolve_connection
from functions_host.triggers.blobs.event_grid import blob_of_url
from functions_host.triggers.blobs.subscriptions import parse_path
from functions_host.triggers.blobs.trigger_data import NO_TIME, blob_reference, properties_of
from tests.contract.recordings.recorded import SENT, rows, sent

ACCOUNT = "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=a2V5;EndpointSuffix=core.windows.net"


@pytest.mark.parametrize(
    ("path", "blob", "tokens"),
    [
        ("img/{name}", "a.png", {"name": "a.png"}),
        ("img/{name}", "device/a/b.png", {"name": "device/a/b.png"}),
        ("img/{device}/{name}.png", "cam/a/b.png", {"device": "cam/a", "name": "b"}),
        ("img/{name}.png", "a.PNG", None),
        ("img/in/{name}", "out/a", None),
        ("img/exact.txt", "exact.txt", {}),
        ("img/a+(1){x}", "a+(1)y", {"x": "y"}),
        ("img/{{{name}}}", "{a}", {"name": "a"}),
        ("img", "any/blob", {"name": "any/blob"}),
        ("IMG/{name}", "A.png", {"name": "A.png"}),
    ],
)
def test_pattern(path: str, blob: str, tokens: dict[str, str] | None) -> None:
    pattern = parse_path(path)
    assert pattern.container == "img"
    assert pattern.match(blob) == tokens


def test_listing_prefix_is_the_literal_beginning() -> None:
    assert parse_path("img/in/{name}.png").prefix == "in/"


@pytest.mark.parametrize("path", ["{container}/x", "/x", "img/{name"])
def test_unusable_pattern_is_refused(path: str) -> None:
    with pytest.raises(ValueError):
        parse_path(path)


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


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://a.blob.core.windows.net/img/d/x.png", ("img", "d/x.png")),
        ("https://a.blob.core.windows.net/img/d%2Fx%20%2541", ("img", "d/x %41")),
        ("http://127.0.0.1:1/acct/img/x%20y", ("img", "x y")),
        ("http://localhost:10000/acct/img/x", ("img", "x")),
        ("http://localhost:1/img/x", ("img", "x")),
        ("https://a.blob.core.windows.net/img", ("img", "")),
        ("https://a.blob.core.windows.net/", None),
        ("/img/x", None),
        ("http://[", None),
        ("", None),
    ],
)
def test_blob_named_by_an_event_url(url: str, found: tuple[str, str] | None) -> None:
    assert blob_of_url(url) == found


@pytest.mark.parametrize("file", ["blobs", "webhooks"])
def test_reference_is_written_as_the_real_host_writes_it(file: str) -> None:
    for recorded in rows(file):
        for told in recorded.get("value", ()) if recorded["label"].endswith(SENT) else ():
            if told["data"]["type"] == "model_binding_data":
                path = told["trigger_metadata"]["BlobTrigger"]["value"]
                reference = blob_reference("AzureWebJobsStorage", *path.split("/", 1))
                content = reference.content.decode()
                assert {"type": "model_binding_data", **vars(reference), "content": content} == told["data"]


@pytest.mark.parametrize("name", ['a"b\\c', "<&'+`>", "tab\there", "🎉", "\x7f\x01", "plain (1)~{}.png"])
def test_reference_of_any_name_reads_back_and_is_plain_ascii(name: str) -> None:
    content = blob_reference("S", "c", name).content.decode("ascii")
    assert json.loads(content) == {"Connection": "S", "ContainerName": "c", "BlobName": name}
    assert not set("<>&'+`") & set(content)


def test_properties_that_storage_tells_are_told_by_their_net_values() -> None:
    headers = {
        "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "Content-Length": "7", "x-ms-blob-type": "AppendBlob",
        "x-ms-lease-state": "leased", "x-ms-lease-status": "locked", "x-ms-lease-duration": "fixed",
        "x-ms-copy-status": "success", "x-ms-copy-completion-time": "Fri, 02 Jan 2026 00:00:00 GMT",
        "x-ms-tag-count": "3", "x-ms-is-current-version": "true", "x-ms-version-id": "v", "ETag": '"0x1"',
    }  # fmt: skip
    told = properties_of(headers, {"k": "v"})
    expected = {
        "LastModified": "2026-01-01T00:00:00+00:00", "CreatedOn": NO_TIME, "Metadata": {"k": "v"}, "BlobType": 2,
        "LeaseState": 1, "LeaseStatus": 0, "LeaseDuration": 1, "CopyStatus": 1, "BlobCopyStatus": 1,
        "CopyCompletedOn": "2026-01-02T00:00:00+00:00", "ContentLength": 7, "TagCount": 3, "IsLatestVersion": True,
        "VersionId": "v", "ETag": {},
    }  # fmt: skip
    assert {name: told[name] for name in expected} == expected
    recorded = sent("blobs", "text blob")["trigger_metadata"]["Properties"]["value"]
    assert list(told) == list(json.loads(recorded))
