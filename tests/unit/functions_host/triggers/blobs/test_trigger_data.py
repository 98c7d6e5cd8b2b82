"""The trigger metadata of a blob (contract C4), and the reference to it (C4b), as recorded."""

from __future__ import annotations

import json

import pytest

from functions_host.triggers.blobs.trigger_data import NO_TIME, blob_reference, properties_of
from tests.contract.recordings.recorded import SENT, rows, sent


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
