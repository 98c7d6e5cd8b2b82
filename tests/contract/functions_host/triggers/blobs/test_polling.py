"""Contract, section C: the blob trigger against a real Azurite."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from functions_host.testing import RunningApp
from tests.contract.functions_host.triggers.blobs.blob_kit import (
    RECORDER,
    VERSION,
    AppOf,
    poison_message,
    seen,
)
from tests.contract.recordings.recorded import row

pytestmark = pytest.mark.azurite
SEES = (
    RECORDER
    + """
@app.blob_trigger(arg_name="blob", path="%CONTAINER%/in/{name}.png", connection="IMAGES")
def sees(blob: func.InputStream):
    seen.append({"name": blob.name, "uri": blob.uri, "length": blob.length, "metadata": blob.metadata,
                 "properties": blob.blob_properties, "text": blob.read().decode()})
"""
)

FAILS = (
    RECORDER
    + """
@app.blob_trigger(arg_name="blob", path="%CONTAINER%/{name}", connection="IMAGES")
def fails(blob: func.InputStream):
    seen.append(blob.name)
    raise ValueError("cannot take it")
"""
)


def two_more_scans(app: RunningApp, container: ContainerClient, count: int) -> list[Any]:
    """Everything delivered after a later blob has been: what was to come has come."""
    container.upload_blob("in/last.png", b"", overwrite=True)
    app.wait_until(lambda: any("last" in str(entry) for entry in app.get("/api/deliveries").json()))
    container.delete_blob("in/last.png")
    return [entry for entry in seen(app, count) if "last" not in str(entry)]


def test_new_and_existing_blobs_fire_with_their_metadata(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str]
) -> None:
    container.upload_blob("in/a/b é.png", b"old", metadata={"device": "cam"})
    app = app_of(SEES, settings=settings)
    first = seen(app, 1)[0]
    assert first["name"] == f"{container.container_name}/in/a/b é.png"
    assert first["uri"].endswith("/in/a/b%20%C3%A9.png")
    assert (first["text"], first["length"], first["metadata"]) == ("old", 3, {"device": "cam"})
    recorded = row("blobs", "text blob")["value"][0]["properties"]
    assert set(first["properties"]) == set(recorded)
    assert first["properties"]["ETag"] == recorded["ETag"] == {}  # no version: whoever needs it asks storage
    container.upload_blob("in/new.png", b"new")
    assert seen(app, 2)[1]["text"] == "new"


def test_blobs_that_do_not_match_do_not_fire(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str]
) -> None:
    for name in ("out/a.png", "in/a.PNG", "in/a.txt"):
        container.upload_blob(name, b"")
    assert two_more_scans(app_of(SEES, settings=settings), container, 1) == []


def test_missing_container_is_no_error_and_fires_once_it_appears(
    app_of: AppOf, azurite: Any, settings: dict[str, str]
) -> None:
    name = f"later{uuid.uuid4().hex}"
    app = app_of(SEES, settings={**settings, "CONTAINER": name})
    with BlobServiceClient.from_connection_string(azurite.connection_string, api_version=VERSION) as service:
        service.create_container(name).upload_blob("in/x.png", b"x")
    assert len(seen(app, 1)) == 1


def test_same_version_fires_once_and_a_new_upload_again(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str], tmp_path: Path
) -> None:
    container.upload_blob("in/a.png", b"1")
    app = app_of(SEES, settings=settings, state=tmp_path / "state")
    assert [entry["text"] for entry in two_more_scans(app, container, 1)] == ["1"]
    container.upload_blob("in/a.png", b"2", overwrite=True)
    app.wait_until(lambda: "2" in [entry["text"] for entry in app.get("/api/deliveries").json()])
    app.close()
    again = app_of(SEES, settings=settings, state=tmp_path / "state")
    assert two_more_scans(again, container, 1) == []


def test_failing_function_gets_five_deliveries_then_the_poison_queue(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str], azurite: Any
) -> None:
    container.upload_blob("bad.png", b"x")
    etag = container.get_blob_client("bad.png").get_blob_properties().etag
    app = app_of(FAILS, settings=settings)
    message = poison_message(azurite, container.container_name, app)
    assert message == {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.fails",
        "BlobType": "BlockBlob",
        "ContainerName": container.container_name,
        "BlobName": "bad.png",
        "ETag": etag if etag.startswith('"') else f'"{etag}"',
    }
    app.wait_until_idle()
    assert len(app.get("/api/deliveries").json()) == 5


def test_poison_threshold_comes_from_host_json(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str], azurite: Any
) -> None:
    container.upload_blob("bad.png", b"x")
    app = app_of(FAILS, settings=settings, host={"extensions": {"blobs": {"poisonBlobThreshold": 2}}})
    poison_message(azurite, container.container_name, app)
    app.wait_until_idle()
    assert len(app.get("/api/deliveries").json()) == 2


def test_parallelism_never_exceeds_the_limit(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str]
) -> None:
    for number in range(8):
        container.upload_blob(f"{number}.png", b"")
    app = app_of(
        RECORDER
        + """
running = 0

@app.blob_trigger(arg_name="blob", path="%CONTAINER%/{name}", connection="IMAGES")
async def slow(blob: func.InputStream):
    global running
    running += 1
    seen.append(running)
    await asyncio.sleep(0.02)
    running -= 1
""",
        settings=settings,
        host={"extensions": {"blobs": {"maxDegreeOfParallelism": 3}}},
    )
    assert max(seen(app, 8)) == 3


def test_blob_replaced_before_its_turn_runs_as_the_new_version_only(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str]
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        container.upload_blob(name, b"old")
    app = app_of(
        RECORDER
        + """
release = asyncio.Event()

@app.route()
async def go(req: func.HttpRequest) -> str:
    release.set()
    return ""

@app.blob_trigger(arg_name="blob", path="%CONTAINER%/{name}", connection="IMAGES")
async def waits(blob: func.InputStream):
    seen.append([blob.name.split("/")[-1], blob.read().decode()])
    await release.wait()
""",
        settings=settings,
        host={"extensions": {"blobs": {"maxDegreeOfParallelism": 1}}},
    )
    assert seen(app, 1) == [["a.png", "old"]]
    container.upload_blob("b.png", b"new", overwrite=True)
    container.delete_blob("c.png")
    app.get("/api/go")
    seen(app, 2)
    app.wait_until_idle()
    assert app.get("/api/deliveries").json() == [["a.png", "old"], ["b.png", "new"]]


@pytest.mark.parametrize(
    ("annotation", "expected"), [("bytes", "bytes"), ("func.InputStream", "InputStream")]
)
def test_annotation_chooses_the_converter(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str], annotation: str, expected: str
) -> None:
    container.upload_blob("a.png", b"x")
    app = app_of(
        RECORDER
        + f"""
@app.blob_trigger(arg_name="blob", path="%CONTAINER%/{{name}}", connection="IMAGES")
def typed(blob: {annotation}):
    seen.append(type(blob).__name__)
""",
        settings=settings,
    )
    assert seen(app, 1) == [expected]


def test_shared_access_signature_is_enough(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str], azurite: Any
) -> None:
    from datetime import UTC, datetime, timedelta

    from azure.storage.blob import AccountSasPermissions, ResourceTypes, Services, generate_account_sas

    parts = dict(part.split("=", 1) for part in azurite.connection_string.rstrip(";").split(";"))
    sas = generate_account_sas(
        parts["AccountName"],
        parts["AccountKey"],
        ResourceTypes(container=True, object=True),
        AccountSasPermissions(read=True, list=True),
        datetime.now(UTC) + timedelta(hours=1),
        services=Services(blob=True),
    )
    container.upload_blob("in/a.png", b"by sas")
    text = f"BlobEndpoint={parts['BlobEndpoint']};SharedAccessSignature={sas}"
    assert seen(app_of(SEES, settings={**settings, "IMAGES": text}), 1)[0]["text"] == "by sas"


def test_blob_function_may_start_orchestrations(
    app_of: AppOf, container: ContainerClient, settings: dict[str, str]
) -> None:
    container.upload_blob("a.png", b"x")
    app = app_of(
        """
@app.blob_trigger(arg_name="blob", path="%CONTAINER%/{name}", connection="IMAGES")
@app.durable_client_input(client_name="client")
async def starts(blob: func.InputStream, client) -> None:
    await client.start_new("greets", instance_id="from-blob", client_input=blob.name)

@app.orchestration_trigger(context_name="context")
def greets(context):
    return "hello " + context.get_input()
""",
        settings=settings,
    )
    app.wait_until(lambda: app.orchestrations.status("from-blob") is not None)
    assert app.orchestrations.wait("from-blob").output == f"hello {container.container_name}/a.png"
