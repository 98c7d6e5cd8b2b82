"""Quick orchestrators replay on the loop, everything doubtful in a thread."""

from __future__ import annotations

import threading
import time
from typing import Any

import azure.durable_functions as df

from functions_host.app_catalog import AppCatalog
from functions_host.durable.placement import (
    LONGEST_CONTEXT,
    SLOW_IN_THREAD_SECONDS,
    SLOW_ON_LOOP_SECONDS,
    TRIAL_RUNS,
    ReplayPlacement,
)
from functions_host.indexing import load_function
from functions_host.invocation import Invoker
from functions_host.invocation_log import InvocationLog


def proven() -> ReplayPlacement:
    placement = ReplayPlacement()
    for _ in range(TRIAL_RUNS):
        assert not placement.on_loop("o", 100)
        placement.took("o", 0.001, on_loop=False)
    return placement


def test_an_orchestrator_moves_to_the_loop_after_its_trial() -> None:
    placement = proven()
    assert placement.on_loop("o", 100)
    assert not placement.on_loop("other", 100)


def test_long_histories_stay_in_threads() -> None:
    assert not proven().on_loop("o", LONGEST_CONTEXT + 1)


def test_one_slow_replay_on_the_loop_is_the_last() -> None:
    placement = proven()
    placement.took("o", SLOW_ON_LOOP_SECONDS * 2, on_loop=True)
    assert not placement.on_loop("o", 100)


def test_one_that_blocks_in_its_trial_never_reaches_the_loop() -> None:
    placement = ReplayPlacement()
    placement.took("o", SLOW_IN_THREAD_SECONDS * 2, on_loop=False)
    for _ in range(TRIAL_RUNS):
        placement.took("o", 0.001, on_loop=False)
    assert not placement.on_loop("o", 100)


async def test_the_host_keeps_answering_beside_an_orchestrator_that_blocks(app: Any, start: Any) -> None:
    threads: list[bool] = []

    @app.orchestration_trigger(context_name="context")
    def blocks(context: df.DurableOrchestrationContext) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        time.sleep(SLOW_ON_LOOP_SECONDS * 1.5)
        return context.get_input()

    app.functions_bindings = {}
    invoker = Invoker(2, None, InvocationLog(None, {}))
    catalog: Any = AppCatalog([load_function(function) for function in app.get_functions()], invoker)
    host = await start(app, catalog=catalog)
    for number in range(TRIAL_RUNS + 3):
        assert (await host.run("blocks", number)).output == number
    assert threads == [*[False] * TRIAL_RUNS, True, False, False]
    invoker.close()
