"""The storage adapter against a real Azurite: reading, refusing, quarantine, the sweep's listing."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from azure.core.exceptions import ServiceRequestError

from function_app.errors import (
    BlobMissing,
    ContainerMissing,
    StorageRefused,
    StorageUnavailable,
    Superseded,
    TooLarge,
    Transient,
)
from function_app.http_api.health import readiness
from function_app.maintenance import timers
from function_app.maintenance.sweep import Budget, Standing, sweep, timed_sweep
from function_app.models.runs import ImageVersion, Outcome, RunRecord
from function_app.settings import Settings, StorageSettings
from function_app.storage.blobs import ImageBlobs, connect
from function_app.storage.quarantine import quarantine_name
from function_app.storage.sweep_position import SweepPosition
from function_app.workflow.resources import Resources

pytestmark = pytest.mark.azurite
ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def blobs(azurite: Any) -> Iterator[ImageBlobs]:
    container = f"img-{uuid.uuid4().hex[:12]}"
    service = connect(StorageSettings(azurite.connection_string))
    service.create_container(container)
    yield ImageBlobs(service, container, f"{container}-q", 1_000)
    service.close()


def put(blobs: ImageBlobs, name: str, data: bytes, **metadata: str) -> ImageVersion:
    blobs._service.get_blob_client(blobs._container, name).upload_blob(
        data, overwrite=True, metadata=metadata
    )
    run = blobs.present_run(blobs._container, name)
    assert run is not None
    return run.image


def rejected(image: ImageVersion, run_id: str = "0" * 32) -> RunRecord:
    return RunRecord(
        run_id,
        image.container,
        image.blob_name,
        image.etag,
        image.size_bytes,
        Outcome.REJECTED,
        1,
        NOW,
        reason="empty",
    )


@pytest.mark.parametrize(
    "name", ["x.png", "a b/ü #?%.png", "<script>alert(1)</script>", "x" * 900, "..%2f..", "a'b;--"]
)
@pytest.mark.parametrize("data", [b"", b"123"])
def test_bytes_come_back_as_they_were_whatever_the_name(blobs, name, data):
    assert blobs.read(put(blobs, name, data)) == data


def test_a_blob_that_is_gone_and_one_that_changed_are_told_apart(blobs):
    old = put(blobs, "x", b"1")
    put(blobs, "x", b"2")
    with pytest.raises(Superseded):
        blobs.read(old)
    with pytest.raises(BlobMissing):
        blobs.read(ImageVersion(old.container, "never", "0x1", 1))
    assert blobs.present_run(old.container, "never") is None


def test_a_giant_is_refused_without_any_request(azurite):
    nowhere = StorageSettings(azurite.connection_string.replace(str(azurite.blob_port), "1"))
    with pytest.raises(TooLarge):
        ImageBlobs(connect(nowhere), "img", "q", 1_000).read(ImageVersion("img", "x", "0x1", 1_001))


def test_a_giant_whose_size_nobody_told_is_refused_before_its_bytes_are_kept(blobs, azurite):
    image = put(blobs, "x", b"x" * 1_001)
    strict = ImageBlobs(connect(StorageSettings(azurite.connection_string)), image.container, "q", 1_000)
    with pytest.raises(TooLarge, match="1001 bytes"):
        strict.read(replace(image, size_bytes=0))


def test_validating_and_scoring_download_once(blobs):
    image = put(blobs, "x", b"123")
    assert blobs.read(image) == b"123"
    blobs._service.get_blob_client(image.container, "x").delete_blob()
    assert blobs.read(image) == b"123"
    blobs.forget(image)
    with pytest.raises(BlobMissing):
        blobs.read(image)


def test_no_answer_and_a_refused_key_are_transient_and_tell_no_secret(azurite):
    nobody = azurite.connection_string.replace(str(azurite.blob_port), "1")
    key = azurite.connection_string.split("AccountKey=")[1].split(";")[0]
    stranger = azurite.connection_string.replace(key, "Q0FOQVJZ" + key[8:])
    for connection in (nobody, stranger):
        with pytest.raises(StorageUnavailable) as caught:
            ImageBlobs(connect(StorageSettings(connection)), "img", "q", 9).read(
                ImageVersion("img", "x", "1", 1)
            )
        assert caught.value.__cause__ is None
        assert "CANARY" not in str(caught.value)
        assert key[8:] not in str(caught.value)


def test_quarantine_keeps_the_bytes_once_with_run_and_reason(blobs):
    record = rejected(put(blobs, "cam-1/ü x.png", b"bad"))
    assert blobs.quarantine.keep(record) == quarantine_name(record)
    assert blobs.quarantine.keep(record) == quarantine_name(record)
    kept = blobs._service.get_blob_client(f"{blobs._container}-q", quarantine_name(record))
    assert kept.download_blob().readall() == b"bad"
    told = kept.get_blob_properties().metadata
    assert (told["runid"], told["reason"], told["blobname"]) == ("0" * 32, "empty", "cam-1/%C3%BC%20x.png")
    assert quarantine_name(record).startswith("empty/" + "0" * 32)


@pytest.mark.parametrize("name", ["猫" * 850, "é/" * 500 + "x.png", "a" * 1_024])
def test_a_bad_image_is_quarantined_however_long_its_name(blobs, name):
    """850 Chinese characters are 7,650 bytes of metadata and as many of address: 431 at every try, and no outcome."""
    record = rejected(put(blobs, name, b"bad"))
    for _ in range(2):
        assert blobs.quarantine.keep(record) == quarantine_name(record)
    kept = blobs._service.get_blob_client(f"{blobs._container}-q", quarantine_name(record))
    assert kept.download_blob().readall() == b"bad"
    told = kept.get_blob_properties().metadata
    assert name.startswith(unquote(told["blobname"], errors="strict"))
    whole = hashlib.sha256(name.encode()).hexdigest()
    assert told.get("blobnamesha256") == (None if len(quote(name, safe="/")) <= 2_048 else whole)


def test_quarantine_of_a_long_name_keeps_only_the_bytes_of_its_own_version(blobs):
    record = rejected(put(blobs, "猫" * 850, b"1"))
    put(blobs, record.blob_name, b"2")
    assert blobs.quarantine.keep(record) is None
    blobs._service.get_blob_client(record.container, record.blob_name).delete_blob()
    assert blobs.quarantine.keep(record) is None
    blobs._service.delete_container(record.container)
    assert blobs.quarantine.keep(record) is None
    assert blobs.quarantine.keep(replace(record, blob_name="short")) is None


def test_quarantine_outlives_the_deletion_of_its_container(blobs):
    first, second = (
        rejected(put(blobs, name, b"bad"), run_id * 32) for name, run_id in (("x", "1"), ("y", "2"))
    )
    assert blobs.quarantine.keep(first)
    blobs._service.delete_container(f"{blobs._container}-q")
    name = blobs.quarantine.keep(second)
    kept = blobs._service.get_blob_client(f"{blobs._container}-q", name)
    assert kept.download_blob().readall() == b"bad"


def test_quarantine_of_bytes_that_are_gone_or_changed_keeps_nothing_and_harms_nothing(blobs):
    record = rejected(put(blobs, "x", b"1"))
    put(blobs, "x", b"2")
    assert blobs.quarantine.keep(record) is None
    blobs._service.get_blob_client(record.container, "x").delete_blob()
    assert blobs.quarantine.keep(record) is None


class Durable:
    """The three questions that the sweep asks Durable, answered from a table."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.started: list[str] = []

    async def get_status(self, run_id: str, **_: object) -> Any:
        word = self.status.get(run_id)
        return Status(run_id, word) if word else None

    async def start_new(self, name: str, run_id: str, told: Any) -> str:
        self.started.append(run_id)
        self.status[run_id] = "Running"
        return run_id


class Status:
    """What the SDK hands out, as far as it is read."""

    def __init__(self, run_id: str, word: str) -> None:
        from azure.durable_functions import OrchestrationRuntimeStatus

        self.instance_id, self.runtime_status = run_id, OrchestrationRuntimeStatus[word]
        self.created_time = self.last_updated_time = NOW
        self.input_ = self.custom_status = self.output = None


@pytest.fixture
def world(blobs: ImageBlobs, tmp_path: Path, azurite: Any) -> Resources:
    from function_app.results import open_result_store

    database = f"sqlite:///{tmp_path / 'results.sqlite'}"
    subprocess.run(
        [sys.executable, "-m", "sql_migrations", "up", "--database", database], cwd=ROOT, check=True
    )
    settings = Settings(StorageSettings(azurite.connection_string), database, container=blobs._container)
    store = open_result_store(settings)
    return Resources(settings, blobs, lambda: store, lambda: datetime.now(UTC) + timedelta(hours=1))


async def test_the_sweep_starts_what_nobody_saw_and_nothing_else(blobs, world):
    durable = Durable()
    names = {name: put(blobs, name, b"1") for name in ("unseen", "live", "recorded", "lost", "stopped")}
    ids = {name: blobs.present_run(blobs._container, name).run_id for name in names}
    world.store.record_rejected(rejected(names["recorded"], ids["recorded"]))
    durable.status = {ids["live"]: "Running", ids["lost"]: "Completed", ids["stopped"]: "Terminated"}
    look = await sweep(durable, world, None, Budget(), start=False)
    assert durable.started == []
    assert (look.recorded, look.live, look.unseen, look.unrecorded, look.stopped) == (1, 1, 1, 1, 1)
    assert {(f.blob_name, f.standing) for f in look.found} == {
        ("unseen", Standing.UNSEEN), ("lost", Standing.UNRECORDED), ("stopped", Standing.STOPPED),
    }  # fmt: skip
    report = await sweep(durable, world, None, Budget())
    assert sorted(durable.started) == sorted([ids["unseen"], ids["lost"]])
    assert (report.started, report.looked_at, report.next_cursor) == (2, 5, None)
    assert (await sweep(durable, world, None, Budget())).started == 0


async def test_a_run_that_the_trigger_starts_meanwhile_is_no_fault_of_the_sweep(blobs, world):
    """The host refuses a live id; the sweep goes on with the others and remembers where it is."""

    class Raced(Durable):
        async def start_new(self, name: str, run_id: str, told: Any) -> str:
            if run_id == raced:
                self.status[run_id] = "Running"
                raise Exception("An Orchestration instance with the status Running already exists.")
            return await super().start_new(name, run_id, told)

    for name in ("other", "raced"):
        put(blobs, name, b"1")
    raced = blobs.present_run(blobs._container, "raced").run_id
    durable = Raced()
    report = await timed_sweep(durable, world, Budget())
    assert (report.unseen, report.started, len(durable.started)) == (2, 1, 1)


async def test_a_durable_that_starts_nothing_is_an_error_by_name(blobs, world):
    class Deaf(Durable):
        async def start_new(self, name: str, run_id: str, told: Any) -> str:
            raise Exception("503")

    put(blobs, "x", b"1")
    with pytest.raises(Transient, match="durable_unavailable"):
        await sweep(Deaf(), world, None, Budget())


async def test_a_missing_container_is_named_and_heals(blobs, world, monkeypatch, caplog):
    image = put(blobs, "x", b"1")
    blobs._service.delete_container(image.container)
    for call in (blobs.ping, lambda: blobs.read(image), lambda: blobs.present_run(image.container, "x")):
        with pytest.raises(ContainerMissing, match=f"container '{image.container}'"):
            call()
    body = json.loads((await readiness(lambda: world)).body)
    assert (body["status"], body["checks"]["storage"]["ok"]) == ("unavailable", False)
    assert (
        f"container_missing: There is no container '{image.container}'" in body["checks"]["storage"]["reason"]
    )
    monkeypatch.setattr(timers, "resources", lambda: world)
    durable = Durable()
    tick = timers.sweep_blobs._function.get_user_function().client_function
    await tick(timer=None, client=durable)
    assert image.container in caplog.text
    assert "Traceback" not in caplog.text

    blobs._service.create_container(image.container)
    put(blobs, "x", b"1")
    assert json.loads((await readiness(lambda: world)).body)["checks"]["storage"]["ok"] is True
    await tick(timer=None, client=durable)
    assert len(durable.started) == 1


async def test_a_position_that_storage_does_not_take_any_more_is_a_sweep_from_the_beginning(blobs, world):
    put(blobs, "x", b"1")
    real = blobs.page

    def page(cursor: str | None, most: int) -> Any:
        if cursor is not None:
            raise StorageRefused("Storage answered 400 (InvalidMarker).")
        return real(cursor, most)

    world.blobs.page = page
    blobs.sweep_position.write(SweepPosition("an old marker", datetime.now(UTC)))
    assert (await timed_sweep(Durable(), world, Budget())).started == 1
    assert blobs.sweep_position.read().cursor is None


async def test_a_sweep_tells_since_when_the_oldest_image_waits(blobs, world):
    durable = Durable()
    put(blobs, "stopped", b"1")
    durable.status = {blobs.present_run(blobs._container, "stopped").run_id: "Terminated"}
    assert (await sweep(durable, world, None, Budget(), start=False)).waiting_since is None
    put(blobs, "waiting", b"1")
    uploaded = blobs.present_run(blobs._container, "waiting").source.uploaded_at
    report = await sweep(durable, world, None, Budget(), start=False)
    assert report.waiting_since == uploaded


async def test_a_sweep_is_bounded_and_goes_on_where_it_stopped(blobs, world):
    durable = Durable()
    for n in range(7):
        put(blobs, f"{n}", b"1")
    reports = [await timed_sweep(durable, world, Budget(blobs=3)) for _ in range(4)]
    assert [report.looked_at for report in reports] == [3, 3, 1, 3]
    assert len(set(durable.started)) == len(durable.started) == 7


async def test_a_spoiled_position_means_from_the_beginning(blobs):
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    blobs.sweep_position.write(SweepPosition("x", begun))
    assert blobs.sweep_position.read() == SweepPosition("x", begun)
    for spoiled in (b"\x00", b"[]", b'"x"', b'{"cursor": 1}', b'{"begun": "yesterday"}'):
        blobs._service.get_blob_client(f"{blobs._container}-q", "sweep/position.json").upload_blob(
            spoiled, overwrite=True
        )
        assert blobs.sweep_position.read() == SweepPosition()


class Asked:
    """A store that remembers about how many runs it was asked."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.about: list[int] = []

    def known_run_ids(self, run_ids: Any) -> set[str]:
        self.about.append(len(run_ids))
        return self._store.known_run_ids(run_ids)


async def test_while_no_image_comes_the_sweep_lets_the_database_sleep(blobs, world):
    """A question every five minutes would keep a serverless database awake, and billed, around the clock."""
    store, later = Asked(world.store), timedelta(hours=1)
    use = replace(world, open_store=lambda: store, now=lambda: datetime.now(UTC) + later)
    image = put(blobs, "x", b"1")
    assert (await timed_sweep(Durable(), use, Budget())).started == 1  # not clean: settles nothing
    assert (await timed_sweep(Durable(), use, Budget())).started == 1
    run_id = blobs.present_run(blobs._container, "x").run_id
    world.store.record_rejected(rejected(image, run_id))
    assert (await timed_sweep(Durable(), use, Budget())).recorded == 1  # clean: all before it is settled
    later = timedelta(hours=1, minutes=5)  # the next tick: the list of living runs learns, too, that it ended
    assert (await timed_sweep(Durable(), use, Budget())).recorded == 1
    asked = len(store.about)
    for tick in range(2, 5):
        later = timedelta(hours=1, minutes=5 * tick)
        assert (await timed_sweep(Durable(), use, Budget())).recorded == 1
    assert len(store.about) == asked
    later = timedelta(hours=26)  # once a day about every image again
    await timed_sweep(Durable(), use, Budget())
    assert store.about[asked:] == [1]


async def test_an_image_that_comes_after_all_was_settled_is_seen(blobs, world):
    assert (await timed_sweep(Durable(), world, Budget())).looked_at == 0
    use = replace(world, now=lambda: datetime.now(UTC))
    just_now = use.now() - timedelta(seconds=2)  # storage dates blobs in whole seconds
    blobs.sweep_position.write(replace(blobs.sweep_position.read(), settled_before=just_now))
    put(blobs, "late", b"1")
    report = await timed_sweep(Durable(), use, Budget(grace=timedelta(0)))
    assert (report.unseen, report.started) == (1, 1)


async def test_fresh_blobs_are_left_to_the_trigger(blobs, world):
    put(blobs, "x", b"1")
    report = await sweep(Durable(), world, None, Budget(grace=timedelta(hours=2)))
    assert (report.young, report.started) == (1, 0)


def test_the_sdk_s_own_error_never_escapes(blobs, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise ServiceRequestError("https://account/?sig=CANARY")

    monkeypatch.setattr(blobs._service, "get_blob_client", refuse)
    with pytest.raises(StorageUnavailable) as caught:
        blobs.read(ImageVersion("img", "x", "1", 1))
    assert "CANARY" not in str(caught.value)
