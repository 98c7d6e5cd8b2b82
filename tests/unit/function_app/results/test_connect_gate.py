"""While a server is away one caller waits for it; everyone else is told at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from function_app.errors import StoreUnavailable
from function_app.results.mssql.connect_gate import ConnectGate


class Caller:
    """Someone who is connecting until told how it ends."""

    def __init__(self, gate: ConnectGate, threads: ThreadPoolExecutor) -> None:
        self._inside, self._go_on = threading.Event(), threading.Event()
        self._error: Exception | None = None
        self.result: Future[str] = threads.submit(gate.connect, self._connect)

    def _connect(self) -> str:
        self._inside.set()
        assert self._go_on.wait(10)
        if self._error:
            raise self._error
        return "connection"

    def is_inside(self) -> bool:
        return self._inside.wait(10)

    def ends(self, error: Exception | None = None) -> None:
        self._error = error
        self._go_on.set()
        self.result.exception(10)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


AWAY = StoreUnavailable("the database is resuming", reason="database_resuming")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> ConnectGate:
    return ConnectGate(patience_seconds=5, probe_seconds=15, clock=clock)


@pytest.fixture
def caller(gate: ConnectGate) -> Iterator[Callable[[], Caller]]:
    callers: list[Caller] = []
    with ThreadPoolExecutor(8) as threads:

        def call() -> Caller:
            callers.append(Caller(gate, threads))
            assert callers[-1].is_inside()
            return callers[-1]

        yield call
        for each in callers:
            each.ends()


def refused(gate: ConnectGate) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as told:
        gate.connect(lambda: pytest.fail("it must not be tried"))
    return told.value


def test_while_the_server_answers_all_connect_side_by_side(caller: Callable[[], Caller]) -> None:
    callers = [caller() for _ in range(4)]
    for each in callers:
        each.ends()
        assert each.result.result() == "connection"


def test_once_it_refused_one_tries_and_the_others_hear_its_reason(
    gate: ConnectGate, caller: Callable[[], Caller]
) -> None:
    caller().ends(AWAY)
    probe = caller()
    told = refused(gate)
    assert (told.detail, told.reason) == (AWAY.detail, "database_resuming")
    assert told is not AWAY
    probe.ends(AWAY)
    caller().ends()
    callers = [caller() for _ in range(2)]
    assert all(each.is_inside() for each in callers)


def test_a_silent_server_holds_those_who_asked_first_and_nobody_after_its_patience(
    gate: ConnectGate, clock: Clock, caller: Callable[[], Caller]
) -> None:
    first = caller()
    clock.now = 4.9
    second = caller()
    clock.now = 12
    assert "for 12 s" in refused(gate).detail
    clock.now = 19.8
    assert "for 20 s" in refused(gate).detail
    first.ends()
    second.ends()
    assert gate.connect(lambda: "connection") == "connection"


def test_one_try_that_hangs_does_not_keep_others_from_a_server_that_is_well(
    gate: ConnectGate, clock: Clock, caller: Callable[[], Caller]
) -> None:
    caller()
    clock.now = 4
    assert gate.connect(lambda: "connection") == "connection"
    clock.now = 8
    assert gate.connect(lambda: "connection") == "connection", "it answered 4 s ago"
    clock.now = 14
    refused(gate)
    clock.now = 15
    assert gate.connect(lambda: "connection") == "connection", "another may try every 15 s"


def test_an_error_that_is_not_of_the_server_closes_nothing(
    gate: ConnectGate, caller: Callable[[], Caller]
) -> None:
    caller().ends(KeyError("a mistake of ours"))
    inside = caller()
    assert gate.connect(lambda: "connection") == "connection"
    inside.ends()
