"""Contract, section C: blobs told by Event Grid, and parameters that are handed a reference, against a real Azurite."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from functions_host.invoking import invocation
from functions_host.loading.deferred import DeferredValues
from functions_host.triggers.blobs.storage import BlobStorage
from tests.contract.functions_host.triggers.blobs.blob_kit import (
    RECORDER,
    VERSION,
    AppOf,
    poison_message,
    seen,
)
from tests.contract.recordings.recorded import row

pytestmark = pytest.mark.azurite

EVENTS = (
    RECORDER
    + """
@app.blob_trigger(arg_name="blob", path="%CONTAINER%/{name}.png", connection="IMAGES", source="EventGrid")
def evented(blob: func.InputStream):
    seen.append(blob.read().decode())

@app.blob_trigger(arg_name="blob", path="%CONTAINER%/{name}.txt", connection="IMAGES")
def polled(blob: func.InputStream):
    seen.append("polled")
"""
)
WEBHOOK = "/runtime/webhooks/blobs?functionName=Host.Functions.evented"
NOTIFICATION = {"aeg-event-type": "Notification"}


def created_event(container: ContainerClient, name: str) -> dict[str, Any]:
    """The recorded event, of a blob of this test."""
    event = dict(row("webhooks", "one event")["request"]["body"][0])
    subject = f"/blobServices/default/containers/{container.container_name}/blobs/{name}"
    return {
        **event,
        "subject": subject,
        "data": {**event["data"], "url": container.get_blob_client(name).url},
    }


def test_event_grid_function_fires_by_event_only(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str]
) -> None:
    container.upload_blob("a b.png", b"image")
    container.upload_blob("a.txt", b"")
    app = app_of(EVENTS, settings=settings)
    assert seen(app, 1) == ["polled"]
    event = created_event(container, "a b.png")
    assert app.post(WEBHOOK, [event], NOTIFICATION).status == 202
    assert seen(app, 2) == ["polled", "image"]
    app.post(WEBHOOK, [event], NOTIFICATION)
    assert seen(app, 3) == ["polled", "image", "image"]  # no receipts: every event is one run


def test_event_of_a_blob_the_path_does_not_match_runs_with_a_warning(
    app_of: AppOf,
    container: ContainerClient,
    settings: dict[str, str],
    azurite: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The recorded host runs it, so an app that takes any blob for its own would be wrong in Azure only."""
    with BlobServiceClient.from_connection_string(azurite.connection_string, api_version=VERSION) as service:
        foreign = service.create_container(f"f{uuid.uuid4().hex}")
        foreign.upload_blob("a.doc", b"foreign")
        app = app_of(EVENTS, settings=settings)
        app.post(WEBHOOK, [created_event(foreign, "a.doc")], NOTIFICATION)
    assert seen(app, 1) == ["foreign"]
    assert "subjectBeginsWith" in caplog.text


def test_event_without_a_blob_s_name_runs_nothing(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    app = app_of(EVENTS, settings=settings)
    event = created_event(container, "x")
    event["data"]["url"] = container.url
    assert app.post(WEBHOOK, [event], NOTIFICATION).status == 202
    app.wait_until_idle()
    assert seen(app, 0) == []
    assert "names no blob" in caplog.text


DEFERRED = (
    RECORDER
    + """
from azurefunctions.extensions.base import InConverter, SdkType

class Place(SdkType):
    def __init__(self, told):
        self.told = told
    def get_sdk_type(self):
        return self

class PlaceConverter(InConverter, binding="blob", trigger="blobTrigger"):
    decoded = 0
    @classmethod
    def check_input_type_annotation(cls, pytype):
        return issubclass(pytype, Place)
    @classmethod
    def has_implicit_output(cls):
        return False
    @classmethod
    def decode(cls, data, *, trigger_metadata, pytype=None):
        cls.decoded += 1
        return Place([json.loads(data.value.content), cls.decoded])

@app.blob_trigger(arg_name="blob", path="%CONTAINER%/{name}", connection="IMAGES")
@app.durable_client_input(client_name="client")
async def placed(blob: Place, client):
    seen.append(blob.told)
"""
)


def test_a_reference_tells_where_the_blob_lies_and_its_bytes_are_never_read(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = BlobStorage._ask

    async def noting(self: Any, method: str, url: Any, headers: Any) -> Any:
        asked.append(f"{method} {url.raw_path.rpartition('/')[2]}")
        return await ask(self, method, url, headers)

    monkeypatch.setattr(BlobStorage, "_ask", noting)
    container.upload_blob("a.png", b"x" * 1000)
    app = app_of(DEFERRED, settings=settings)
    place = {"Connection": "IMAGES", "ContainerName": container.container_name, "BlobName": "a.png"}
    assert seen(app, 1) == [[place, 1]]
    assert [line for line in asked if line.endswith("a.png")] == ["HEAD a.png"]


@pytest.mark.parametrize("keeps", [True, False], ids=["Python 3.11 and 3.12", "Python 3.13"])
def test_the_value_made_for_a_name_is_handed_out_again_for_its_next_version(
    app_of: AppOf,
    container: ContainerClient,
    settings: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    keeps: bool,
) -> None:
    monkeypatch.setattr(invocation, "DeferredValues", lambda: DeferredValues(keeps=keeps))
    container.upload_blob("a.png", b"1")
    app = app_of(DEFERRED, settings=settings)
    seen(app, 1)
    container.upload_blob("a.png", b"2", overwrite=True)
    assert [entry[1] for entry in seen(app, 2)] == ([1, 1] if keeps else [1, 2])


def test_an_expression_beside_a_reference_turns_it_off_and_every_delivery_fails(
    app_of: AppOf,
    container: ContainerClient,
    settings: dict[str, str],
    azurite: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(invocation, "DeferredValues", lambda: DeferredValues(keeps=True))
    expression = '@app.generic_output_binding(arg_name="out", type="http", path="{BlobTrigger}")\n'
    source = DEFERRED.replace("@app.durable_client_input", expression + "@app.durable_client_input")
    source = source.replace(
        "(blob: Place, client)", "(blob: Place, client, out: func.Out[func.HttpResponse])"
    )
    container.upload_blob("a.png", b"x")
    app = app_of(source, settings=settings)
    assert "the binding 'out' of placed holds an expression" in caplog.text
    assert poison_message(azurite, container.container_name, app)["BlobName"] == "a.png"
    recorded = row("large", "big-both: how it ended in the worker, minutes later")["value"]
    assert recorded.startswith("Failed: AttributeError: 'bytes' object has no attribute 'content'")
    assert "AttributeError: 'bytes' object has no attribute 'content'" in " ".join(app.invocation_log)
    assert seen(app, 0) == []


def test_event_grid_webhook_wants_the_blobs_key(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str]
) -> None:
    app = app_of(EVENTS, settings=settings, enable_auth=True)
    assert app.post(WEBHOOK, [], NOTIFICATION).status == 401
    assert (
        app.post(f"{WEBHOOK}&code={app.keys.system['durabletask_extension']}", [], NOTIFICATION).status == 401
    )
    assert app.post(f"{WEBHOOK}&code={app.keys.system['blobs_extension']}", [], NOTIFICATION).status == 202
