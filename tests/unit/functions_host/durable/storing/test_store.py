"""The hub's file: one owner, schema forward only, group commits, and what a full disk does."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import sqlite3
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest
from azure.durable_functions.models.OrchestrationRuntimeStatus import OrchestrationRuntimeStatus

from functions_host.durable import HubInUseError, HubMismatchError, HubNewerError
from functions_host.durable.status import Status
from functions_host.durable.storing import queries
from functions_host.durable.storing import schema as schema_module
from functions_host.durable.storing import store as store_module
from functions_host.durable.storing.store import Store, Unit, connect


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "state" / "hub.db"


def user_version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        return version
    finally:
        connection.close()


def test_a_second_host_on_the_same_hub_is_refused_with_a_clear_message(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "_LOCK_WAIT_SECONDS", 0.05)
    processes = multiprocessing.get_context("spawn")
    ready, release = processes.Event(), processes.Event()
    other = processes.Process(target=hold_by_connection, args=(str(hub), ready, release))
    hub.parent.mkdir()
    other.start()
    try:
        assert ready.wait(30)
        with pytest.raises(HubInUseError, match="another host is running on"):
            Store(hub, "TestHubName").open()
    finally:
        release.set()
        other.join(30)


def hold_by_connection(path: str, ready: Any, release: Any) -> None:
    """Another process with the lock, without importing this package's test kit."""
    lock = sqlite3.connect(f"{path}.lock", isolation_level=None)
    lock.execute("BEGIN EXCLUSIVE")
    ready.set()
    release.wait(30)
    lock.close()


async def test_the_lock_of_a_closed_host_is_free_again(hub: Path) -> None:
    for _ in range(2):
        store = Store(hub, "TestHubName")
        store.open()
        await store.close()


async def test_a_file_of_another_hub_is_refused(hub: Path) -> None:
    store = Store(hub, "OneHub")
    store.open()
    await store.close()
    with pytest.raises(HubMismatchError, match="OneHub"):
        Store(hub, "OtherHub").open()


async def test_a_file_of_a_newer_engine_is_refused_and_left_alone(hub: Path) -> None:
    store = Store(hub, "TestHubName")
    store.open()
    await store.close()
    connection = sqlite3.connect(hub)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(HubNewerError, match="schema version 99"):
        Store(hub, "TestHubName").open()
    assert user_version(hub) == 99


async def test_an_older_file_is_migrated_forward_and_keeps_its_instances(
    app: Any, open_engine: Any, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @app.orchestration_trigger(context_name="context")
    def done(context: df.DurableOrchestrationContext) -> Any:
        return 1

    async with open_engine(app, hub) as host:
        await host.run("done", instance_id="old")
    version = user_version(hub)
    newer = (*schema_module.MIGRATIONS, ("CREATE TABLE added(x)",))
    monkeypatch.setattr(schema_module, "MIGRATIONS", newer)
    async with open_engine(app, hub) as host:
        assert (await host.status("old")).output == 1
    assert user_version(hub) == version + 1


# What each version added, taken back: from the newest down, this gives the files that earlier engines left.
UNDO = {3: "ALTER TABLE work DROP COLUMN leased_at", 2: "DROP INDEX instance_living"}


async def test_a_file_of_each_earlier_version_goes_on_with_what_waited_in_it(
    app: Any, open_engine: Any, hub: Path
) -> None:
    @app.orchestration_trigger(context_name="context")
    def waits(context: df.DurableOrchestrationContext) -> Any:
        return (yield context.wait_for_external_event("Go"))

    assert sorted(UNDO) == list(range(2, len(schema_module.MIGRATIONS) + 1))
    for version in range(1, len(schema_module.MIGRATIONS)):
        path = hub.with_name(f"v{version}.db")
        async with open_engine(app, path) as host:
            await host.client.start_new("waits", "old")
            await host.settled()
        with contextlib.closing(sqlite3.connect(path)) as connection:
            for newer in range(len(schema_module.MIGRATIONS), version, -1):
                connection.execute(UNDO[newer])
            connection.execute(f"PRAGMA user_version = {version}")
        assert user_version(path) == version
        async with open_engine(app, path) as host:
            running = await host.client.get_status_by(runtime_status=[OrchestrationRuntimeStatus.Running])
            assert [status.instance_id for status in running] == ["old"]
            await host.client.raise_event("old", "Go", 1)
            assert (await host.finished("old")).output == "1"
        assert user_version(path) == len(schema_module.MIGRATIONS)


def test_living_instances_are_found_without_reading_the_finished_ones(hub: Path) -> None:
    store = Store(hub, "TestHubName")
    store.open()
    plans = {}
    for name, statuses in (
        ("living", [Status.RUNNING, Status.PENDING]),
        ("any", [Status.RUNNING, Status.FAILED]),
    ):
        where, parameters = queries._where(queries.Filter(statuses=statuses), None)
        plan = store.query(f"EXPLAIN QUERY PLAN SELECT * FROM instance WHERE {where}", parameters)
        plans[name] = str(plan)
    assert "instance_living" in plans["living"]
    assert "instance_living" not in plans["any"]


async def test_a_migration_that_fails_half_way_changes_nothing(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(hub, "TestHubName")
    store.open()
    await store.close()
    version = user_version(hub)
    broken = (*schema_module.MIGRATIONS, ("CREATE TABLE added(x)", "CREATE NONSENSE"))
    monkeypatch.setattr(schema_module, "MIGRATIONS", broken)
    with pytest.raises(sqlite3.OperationalError):
        Store(hub, "TestHubName").open()
    assert user_version(hub) == version
    connection = sqlite3.connect(hub)
    assert not connection.execute("SELECT * FROM sqlite_master WHERE name = 'added'").fetchall()
    connection.close()


class FailingDisk(sqlite3.Connection):
    """Refuses to commit while `full`."""

    full = False
    commits = 0

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            if FailingDisk.full:
                raise sqlite3.OperationalError("database or disk is full")
            FailingDisk.commits += 1
        return super().execute(sql, *parameters)


def failing_disk(path: str) -> sqlite3.Connection:
    FailingDisk.full, FailingDisk.commits = False, 0
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=FailingDisk)


async def test_units_of_one_turn_share_one_commit_in_order(hub: Path) -> None:
    store = Store(hub, "TestHubName", failing_disk)
    store.open()
    before = FailingDisk.commits
    order: list[int] = []
    for number in range(5):
        insert = ("INSERT INTO hub VALUES (?, 'x')", (f"k{number}",))
        store.submit(Unit([insert], lambda number=number: order.append(number)))  # type: ignore[misc]
    assert order == []
    await store.durable()
    assert order == [0, 1, 2, 3, 4]
    assert FailingDisk.commits == before + 1
    await store.close()


async def test_a_unit_that_cannot_be_stored_harms_no_other(hub: Path, caplog: Any) -> None:
    store = Store(hub, "TestHubName")
    store.open()
    done: list[str] = []
    for name in ("before", object(), "after"):
        insert = ("INSERT INTO hub VALUES (?, 'x')", (name,))
        store.submit(Unit([insert], lambda name=name: done.append(name)))  # type: ignore[misc]
    await store.durable()
    assert done == ["before", "after"]
    assert len(store.query("SELECT * FROM hub WHERE value = 'x'")) == 2
    assert "could not be recorded" in caplog.text
    await store.close()


async def test_a_full_disk_delays_work_and_loses_none(
    app: Any, open_engine: Any, hub: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(store_module, "RETRY_SECONDS", 0.01)

    @app.orchestration_trigger(context_name="context")
    def steps(context: df.DurableOrchestrationContext) -> Any:
        first = yield context.call_activity("fills_the_disk", 1)
        return first + (yield context.call_activity("add_one", first))

    @app.activity_trigger(input_name="number")
    async def fills_the_disk(number: int) -> int:
        FailingDisk.full = True
        return number + 1

    @app.activity_trigger(input_name="number")
    async def add_one(number: int) -> int:
        return number + 1

    async with open_engine(app, hub, connect=failing_disk) as host:
        await host.client.start_new("steps", "s")
        while not FailingDisk.full:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.05)
        assert host.calls == [("fills_the_disk", 1)]  # nothing further is dispatched
        assert not host.engine.is_idle()
        FailingDisk.full = False
        assert (await host.finished("s")).output == 5
    assert "cannot be written" in caplog.text


async def test_a_checkpoint_keeps_the_log_from_growing(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from functions_host.durable.storing import checkpoints

    monkeypatch.setattr(checkpoints, "COMMITS_BETWEEN", 20)
    monkeypatch.setattr(checkpoints, "WAL_LIMIT_BYTES", 100_000)
    store = Store(hub, "TestHubName", connect)
    store.open()
    log = Path(f"{hub}-wal")
    grown = 0
    async with asyncio.timeout(10):
        for number in range(100_000):
            store.submit(
                Unit([("INSERT OR REPLACE INTO hub VALUES (?, ?)", (f"k{number % 500}", "x" * 2000))])
            )
            await store.durable()
            grown = max(grown, log.stat().st_size)
            if log.stat().st_size < grown / 2:
                break  # the log started over
            await asyncio.sleep(0)
    assert grown > 100_000
    assert hub.stat().st_size > 100_000
    await store.close()


async def test_a_full_disk_gets_back_what_the_log_takes(hub: Path) -> None:
    """A small disk was filled by the log alone, 10 MB beside a database of 4 KB, and the host waited for ever."""
    store = Store(hub, "TestHubName", refusing_disk)
    store.open()
    log = Path(f"{hub}-wal")
    for _ in range(50):
        store.submit(Unit([("INSERT OR REPLACE INTO hub VALUES ('k', ?)", ("x" * 20_000,))]))
        await store.durable()
    assert log.stat().st_size > 1_000_000
    RefusingDisk.full = True
    store.submit(Unit([("INSERT OR REPLACE INTO hub VALUES ('last', 'kept')", ())]))
    store.flush()
    assert not store.is_idle
    assert log.stat().st_size == 0
    RefusingDisk.full = False
    await store.durable()
    assert store.query("SELECT value FROM hub WHERE key = 'last'") == [("kept",)]
    await store.close()


class RefusingDisk(sqlite3.Connection):
    """A connection whose transactions cannot begin while the disk is full."""

    full = False

    def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
        if self.full and sql.startswith("BEGIN"):
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *rest)


def refusing_disk(path: str) -> sqlite3.Connection:
    """For `Store`."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=RefusingDisk)


def test_commits_are_safe_against_kill_9_by_wal_and_normal_sync(hub: Path) -> None:
    store = Store(hub, "TestHubName")
    store.open()
    assert store.query("PRAGMA journal_mode") == [("wal",)]
    assert store.query("PRAGMA synchronous") == [(1,)]
