"""The reply to COMMIT dropped by a TCP proxy, the server away, a wrong password: on a live T-SQL engine."""

from __future__ import annotations

import multiprocessing
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from database_connection import connection_string
from function_app.errors import StoreUnavailable, Transient
from function_app.models.identity import run_id_of
from function_app.models.runs import Outcome, Recorded, RunRecord, Score
from function_app.results.mssql.database import MssqlDatabase
from function_app.results.store import SqlResultStore
from sql_migrations import runner
from sql_migrations.files import folder_for, read_folder
from sql_migrations.mssql_engine import MssqlEngine, connect

pytestmark = [pytest.mark.live_sql, pytest.mark.timeout(900)]
TIMES = 100
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Proxy:
    """Passes TCP on; while ``deaf`` is set, the server's next words end the connection instead of arriving.

    A process of its own, so that it answers even while a call of the driver keeps Python's lock.
    """

    def __init__(self, host: str, port: int) -> None:
        context = multiprocessing.get_context("fork")
        self.deaf = context.Event()
        self._dropped = context.Value("i", 0)
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._process = context.Process(target=self._accept, daemon=True)
        self._process.start()
        self._listener.close()

    @property
    def dropped(self) -> int:
        return int(self._dropped.value)

    def close(self) -> None:
        self._process.kill()
        self._process.join()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(self._target)
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, may_drop: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if may_drop and self.deaf.is_set():
                    self.deaf.clear()
                    with self._dropped.get_lock():
                        self._dropped.value += 1
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class CommitWatcher:
    """A pyodbc connection whose COMMIT is answered to nobody, when the proxy is told so."""

    def __init__(self, connection: Any, before_commit: Callable[[], None]) -> None:
        self._connection = connection
        self._before_commit = before_commit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def commit(self) -> None:
        self._before_commit()
        self._connection.commit()


class WatchedDatabase(MssqlDatabase):
    before_commit: Callable[[], None] = staticmethod(lambda: None)

    def _connect(self) -> Any:
        return CommitWatcher(super()._connect(), lambda: self.before_commit())


@pytest.fixture
def database(new_database: Callable[[], str]) -> str:
    connection_string = new_database()
    runner.up(MssqlEngine(connection_string), read_folder(folder_for("mssql")))
    return connection_string


@pytest.fixture
def proxy(database: str) -> Iterator[Proxy]:
    host, _, port = connection_string.parse(database)["server"].removeprefix("tcp:").partition(",")
    the_proxy = Proxy(host, int(port or 1433))
    yield the_proxy
    the_proxy.close()


def through(database: str, proxy: Proxy, **changes: str) -> str:
    pairs = (
        connection_string.parse(database)
        | {"server": f"127.0.0.1,{proxy.port}", "connectretrycount": "0"}
        | changes
    )
    return connection_string.write(pairs)


def fact(n: int) -> tuple[RunRecord, list[Score]]:
    run_id = run_id_of("img", f"{n}", "0x1")
    run = RunRecord(run_id, "img", f"{n}", "0x1", 9, Outcome.SCORED, 1, NOW, device_id="cam-1")
    return run, [Score("pixel_sum", "1", n, NOW)]


def test_the_reply_to_commit_lost_a_hundred_times_leaves_one_row_each(database: str, proxy: Proxy) -> None:
    watched = WatchedDatabase(through(database, proxy))
    store = SqlResultStore(watched)
    for n in range(TIMES):
        watched.before_commit = proxy.deaf.set
        with pytest.raises(Transient):
            store.record_scored(*fact(n))
        watched.before_commit = lambda: None
        assert store.record_scored(*fact(n)) in (Recorded.ALREADY_RECORDED, Recorded.INSERTED)
    assert proxy.dropped == TIMES
    store.close()
    with closing(connect(database)) as beside:
        rows = beside.execute("SELECT COUNT(*), COUNT(DISTINCT run_id) FROM dbo.runs").fetchone()
        scores = beside.execute("SELECT COUNT(*), SUM(value) FROM dbo.scores").fetchone()
        totals = beside.execute("SELECT SUM(runs) FROM dbo.hourly_totals").fetchone()
    assert (tuple(rows), tuple(scores), tuple(totals)) == (
        (TIMES, TIMES),
        (TIMES, sum(range(TIMES))),
        (TIMES,),
    )


def test_a_store_whose_server_went_away_is_transient_and_recovers_by_itself(
    database: str, proxy: Proxy
) -> None:
    store = SqlResultStore(MssqlDatabase(through(database, proxy), login_timeout_seconds=5))
    assert store.record_scored(*fact(1)) is Recorded.INSERTED
    proxy.deaf.set()
    with pytest.raises(Transient):
        store.run(fact(1)[0].run_id)
    assert store.run(fact(1)[0].run_id) is not None
    store.close()


def test_a_wrong_password_waits_and_says_so_without_showing_it(database: str, proxy: Proxy) -> None:
    store = SqlResultStore(MssqlDatabase(through(database, proxy, pwd="C4nary-word")))
    with pytest.raises(StoreUnavailable) as refused:
        store.ping()
    assert refused.value.reason == "sign_in_failed"
    assert "C4nary" not in str(refused.value)


def test_a_port_where_nobody_listens_is_transient(database: str, proxy: Proxy) -> None:
    proxy.close()
    store = SqlResultStore(
        MssqlDatabase(through(database, proxy, server="127.0.0.1,9"), login_timeout_seconds=2)
    )
    with pytest.raises(Transient):
        store.ping()
