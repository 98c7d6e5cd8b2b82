"""The blob trigger, fed with what Microsoft's host sent it (tests/contract/recordings), beside a real Azurite."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient
from azurefunctions.extensions.base import Datum

from function_app.models.identity import run_id_of
from function_app.workflow import arrived_blob
from function_app.workflow.arrived_blob import ArrivedBlob, ArrivedBlobConverter
from functions_host.invoking.invocation import Invoker
from functions_host.invoking.logs import InvocationLog
from functions_host.loading.app_modules import AppModules
from functions_host.loading.deferred import DeferredValues, ModelBindingData
from functions_host.loading.functions import LoadedFunction
from functions_host.loading.indexing import index_app
from functions_host.testing.process import background_loop
from functions_host.triggers.blobs.trigger_data import blob_reference
from tests.conftest import Azurite
from tests.contract.recordings.durable_extension import DurableExtension, serving
from tests.contract.recordings.recorded import sent

pytestmark = pytest.mark.azurite
ROOT = Path(__file__).resolve().parents[3]
CONTAINERS = ("trig-ok", "trig-ref", "eg-ref")
POLLED = ("blobs", "reference")
EVENTED = ("webhooks", "reference: then")
SOURCES = pytest.mark.parametrize("row", [POLLED, EVENTED], ids=["polling", "Event Grid"])


class Trigger:
    """The app's own function, called as the worker calls it; `started` are the runs that Durable was asked for."""

    def __init__(
        self, function: LoadedFunction, storage: str, client: str, extension: DurableExtension
    ) -> None:
        self.service = BlobServiceClient.from_connection_string(storage, api_version="2025-11-05")
        self.extension = extension
        self._client = client
        self._invoker = Invoker(None, None, InvocationLog(None, {}))
        self._invoker._deferred = DeferredValues(keeps=True)  # the stricter of the two workers
        self._function = function

    def put(self, container: str, name: str, data: bytes, **metadata: str) -> str:
        """Upload a blob; the id of this version's run."""
        blob = self.service.get_blob_client(container, name)
        blob.upload_blob(data, overwrite=True, metadata=metadata)
        return run_id_of(container, name, blob.get_blob_properties().etag)

    def deliver(self, row: dict[str, Any]) -> None:
        """Hand over what was recorded. Raises what the function raises."""
        told = row["data"]
        content = told["content"].encode()
        reference = ModelBindingData(told["version"], told["source"], told["content_type"], content)
        metadata: dict[str, Any] = {
            name: Datum(found.get("value", json.dumps(found.get("shortened"))), found.get("type", "json"))
            for name, found in row["trigger_metadata"].items()
        }
        inputs: dict[str, Any] = {
            "blob": Datum(reference, told["type"]),
            "client": Datum(self._client, "string"),
        }
        background_loop().run(self._invoker.invoke(self._function, inputs, metadata))

    @property
    def started(self) -> list[tuple[str, Any]]:
        return self.extension.started

    def close(self) -> None:
        self._invoker.close()


TriggerOf = Callable[..., Trigger]


@pytest.fixture
def trigger_of(azurite: Azurite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TriggerOf]:
    """`trigger_of(container)`: the trigger of an app, freshly loaded, whose image container has the recorded name."""
    service = BlobServiceClient.from_connection_string(azurite.connection_string, api_version="2025-11-05")
    for name in CONTAINERS:
        service.create_container(name)
    modules, extension = AppModules(ROOT, first=True), DurableExtension(at_once=1)
    opened: list[Trigger] = []
    with serving(extension) as client:
        rows_db = f"sqlite:///{tmp_path}/rows.db"

        def start(
            container: str, storage: str = azurite.connection_string, database: str = rows_db
        ) -> Trigger:
            for name, value in (("IMAGE_STORAGE", storage), ("IMAGE_CONTAINER", container),
                                ("SQL_CONNECTION_STRING", database)):  # fmt: skip
                monkeypatch.setenv(name, value)
            [function] = [found for found in index_app(ROOT, {}) if found.name == "start_on_blob"]
            opened.append(Trigger(function, storage, client, extension))
            return opened[-1]

        yield start
    for found in opened:
        found.close()
    modules.close()
    for name in CONTAINERS:
        service.delete_container(name)


def place(row: dict[str, Any]) -> tuple[str, str]:
    container, _, name = row["trigger_metadata"]["BlobTrigger"]["value"].partition("/")
    return container, name


@SOURCES
def test_the_run_of_the_version_that_is_there_is_started(trigger_of, row):
    recorded = sent(*row)
    container, name = place(recorded)
    trigger = trigger_of(container)
    run_id = trigger.put(container, name, b"reference", deviceid="cam-1")
    trigger.deliver(recorded)
    [(started, told)] = trigger.started
    assert started == run_id == told["run_id"]
    assert (told["image"]["blob_name"], told["image"]["size_bytes"]) == (name, 9)
    assert told["lineage"]["device_id"] == "cam-1"
    assert told["lineage"]["uploaded_at"]


def test_second_version_of_a_name_is_a_run_of_its_own(trigger_of):
    """The worker hands out the value of the first version, and the metadata tells no version at all."""
    overwritten = "reference, overwritten (the worker keeps what the converter made of the first)"
    first, second = sent(*POLLED), sent("blobs", overwritten)
    assert first["data"] == second["data"]
    trigger = trigger_of("trig-ref")
    ids = []
    for recorded, data in ((first, b"1"), (second, b"22")):
        ids.append(trigger.put(*place(recorded), data))
        trigger.deliver(recorded)
    assert [run_id for run_id, _ in trigger.started] == ids
    assert ids[0] != ids[1]
    assert [told["image"]["size_bytes"] for _, told in trigger.started] == [1, 2]


def test_a_run_starts_while_no_database_can_be_opened(trigger_of):
    """It waits, visibly, for its steps to succeed; a delivery that fails five times in a second would be poison."""
    trigger = trigger_of("trig-ref", database="mysql://nobody")
    recorded = sent(*POLLED)
    run_id = trigger.put(*place(recorded), b"1")
    trigger.deliver(recorded)
    assert [started for started, _ in trigger.started] == [run_id]


def test_an_empty_blob_is_a_run_too(trigger_of):
    trigger = trigger_of("trig-ref")
    run_id = trigger.put("trig-ref", "empty", b"")
    trigger.deliver(sent("blobs", "reference, empty"))
    [(started, told)] = trigger.started
    assert (started, told["image"]["size_bytes"]) == (run_id, 0)


@pytest.mark.parametrize("label", ["unicode name", "percent name", "braces and quotes", "decomposed unicode"])
def test_odd_names_arrive_as_they_are(trigger_of, label):
    recorded = sent("blobs", label)  # of a function that took bytes: the reference to the same blob instead
    container, name = place(recorded)
    told = vars(blob_reference("IMAGE_STORAGE", container, name))
    recorded["data"] = {**told, "type": "model_binding_data", "content": told["content"].decode()}
    trigger = trigger_of(container)
    run_id = trigger.put(container, name, b"p")
    trigger.deliver(recorded)
    [(started, run)] = trigger.started
    assert (started, run["image"]["blob_name"]) == (run_id, name)


@SOURCES
def test_a_blob_that_is_gone_is_told_and_its_delivery_done(trigger_of, row, caplog):
    recorded = sent(*row)
    container, name = place(recorded)
    trigger = trigger_of(container)
    with caplog.at_level(logging.INFO, "function_app.triggers"):
        trigger.deliver(recorded)
    assert trigger.started == []
    assert f"{container}/{name}" in caplog.text


def test_a_blob_of_another_container_is_refused_by_name_and_its_delivery_done(trigger_of, caplog):
    """Event Grid's webhook runs the function with any container's blob (recorded)."""
    recorded = sent(*POLLED)
    trigger = trigger_of("eg-ref")
    trigger.put(*place(recorded), b"foreign")
    trigger.deliver(recorded)
    assert trigger.started == []
    [warning] = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "trig-ref/r ü.txt" in warning.getMessage()


@pytest.mark.parametrize("content", ['{"ContainerName":"img","BlobName":""}', '{"ContainerName":"img"}'])
def test_a_container_without_a_blob_s_name_is_refused(trigger_of, content, caplog):
    trigger = trigger_of("img")
    recorded = sent(*EVENTED)
    trigger.deliver({**recorded, "data": {**recorded["data"], "content": content}})
    assert trigger.started == []
    assert "no blob is named" in caplog.text


@pytest.mark.parametrize("name", ["../trig-ok/a.txt", "x/../r", "./r", "x/."])
def test_a_path_that_leads_elsewhere_is_refused(name):
    """The storage client resolves it and the app's identity may read what it leads to."""
    told = ArrivedBlob("trig-ref", name).why_not_of("trig-ref")
    assert told == "no blob has a name with . or .. between slashes"


def test_a_name_that_no_blob_can_have_starts_nothing():
    told = ArrivedBlob("trig-ref", "half a pair \ud800.png").why_not_of("trig-ref")
    assert told == "no blob has a name that UTF-8 cannot hold"
    assert ArrivedBlob("trig-ref", "ü 漢字 🎉.png").why_not_of("trig-ref") is None


@pytest.mark.parametrize("name", [".hidden", "a..b.png", "...", "x/.../y", "x/..png"])
def test_dots_in_a_name_are_no_path(name):
    assert ArrivedBlob("trig-ref", name).why_not_of("trig-ref") is None


def test_storage_that_does_not_answer_fails_the_delivery_so_that_it_comes_again(trigger_of, azurite):
    nobody = azurite.connection_string.replace(f":{azurite.blob_port}/", ":1/")
    trigger = trigger_of("trig-ref", nobody)
    with pytest.raises(Exception, match="storage_unavailable"):
        trigger.deliver(sent(*POLLED))
    assert trigger.started == []


def test_bytes_in_place_of_a_reference_are_refused():
    with pytest.raises(ValueError, match="'bytes' instead of a reference"):
        ArrivedBlobConverter.decode(Datum(b"x", "bytes"), trigger_metadata={})


def test_nothing_of_a_version_is_in_what_the_worker_keeps():
    recorded = sent(*POLLED)
    reference = ModelBindingData("1.0", "", "", recorded["data"]["content"].encode())
    made = ArrivedBlobConverter.decode(Datum(reference, "model_binding_data"), trigger_metadata={})
    assert made == ArrivedBlob("trig-ref", "r ü.txt")
    assert set(vars(made)) == {"container", "name"}


def test_the_worker_s_table_of_values_does_not_grow_without_end(monkeypatch):
    """The worker of Python 3.11 and 3.12 keeps an entry per blob name, for ever."""
    worker: Any = ModuleType("azure_functions_worker.bindings.meta")
    worker.deferred_bindings_cache = kept = {}
    monkeypatch.setitem(sys.modules, worker.__name__, worker)
    monkeypatch.setattr(arrived_blob, "_MOST_KEPT", 10)
    longest = 0
    for number in range(35):
        reference = blob_reference("S", "img", f"{number}.png")
        kept[reference.content] = ArrivedBlobConverter.decode(
            Datum(reference, "model_binding_data"), trigger_metadata={}, pytype=ArrivedBlob
        )
        longest = max(longest, len(kept))
    assert longest == 10
