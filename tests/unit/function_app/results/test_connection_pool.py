"""The pool hands out connections that work, to one user at a time, and keeps none that may not."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from function_app.results.pool import ConnectionPool


class Connection:
    """Stands in for one of a driver's."""

    def __init__(self, server: Server) -> None:
        self.is_dead = False
        self.times_closed = 0
        server.opened.append(self)

    def close(self) -> None:
        self.times_closed += 1


@dataclass
class Server:
    """Makes connections, and the clock that the pool reads."""

    now: float = 0.0
    opened: list[Connection] = field(default_factory=list)
    asked: list[Connection] = field(default_factory=list)

    def is_alive(self, connection: Connection) -> bool:
        self.asked.append(connection)
        return not connection.is_dead

    def goes_away(self) -> None:
        for connection in self.opened:
            connection.is_dead = True


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def pool(server: Server) -> ConnectionPool[Connection]:
    return ConnectionPool(
        lambda: Connection(server), server.is_alive, max_idle=3, check_after_seconds=15, max_age_seconds=1800,
        clock=lambda: server.now,
    )  # fmt: skip


def use_at_once(pool: ConnectionPool[Connection], users: int) -> list[Connection]:
    """So many users, each holding a connection until all have one."""
    barrier, got = threading.Barrier(users, timeout=10), []

    def user() -> None:
        with pool.connection() as connection:
            got.append(connection)
            barrier.wait()

    threads = [threading.Thread(target=user) for _ in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_a_connection_is_used_again_and_by_one_user_at_a_time(
    server: Server, pool: ConnectionPool[Connection]
) -> None:
    for _ in range(3):
        with pool.connection():
            pass
    assert len(server.opened) == 1
    assert len(set(use_at_once(pool, 5))) == 5


def test_no_more_idle_connections_are_kept_than_said(
    server: Server, pool: ConnectionPool[Connection]
) -> None:
    use_at_once(pool, 5)
    assert sum(connection.times_closed for connection in server.opened) == 2
    pool.close()
    assert [connection.times_closed for connection in server.opened] == [1] * 5


def test_only_one_that_was_idle_for_long_is_asked_whether_it_is_alive(
    server: Server, pool: ConnectionPool[Connection]
) -> None:
    for pause, asked in ((0.0, 0), (14.5, 0), (15.0, 1)):
        server.now += pause
        with pool.connection():
            pass
        assert len(server.asked) == asked
    assert len(server.opened) == 1


def test_after_an_outage_one_dead_connection_is_asked_and_the_other_idle_ones_are_given_up_unasked(
    server: Server, pool: ConnectionPool[Connection]
) -> None:
    use_at_once(pool, 3)
    server.goes_away()
    server.now += 60
    with pool.connection() as connection:
        assert not connection.is_dead
    assert len(server.asked) == 1
    assert [connection.times_closed for connection in server.opened] == [1, 1, 1, 0]


def test_one_that_an_exception_passed_through_is_not_used_again(
    server: Server, pool: ConnectionPool[Connection]
) -> None:
    with pytest.raises(RuntimeError), pool.connection():
        raise RuntimeError
    with pool.connection() as connection:
        assert connection.times_closed == 0
    assert server.opened[0].times_closed == 1


def test_an_old_one_is_closed_when_it_comes_back(server: Server, pool: ConnectionPool[Connection]) -> None:
    with pool.connection():
        server.now += 1800
    assert server.opened[0].times_closed == 1
