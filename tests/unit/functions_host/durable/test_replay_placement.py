"""Quick orchestrators replay on the loop, everything doubtful in a thread."""

from __future__ import annotations

import threading
import time
from typing import Any

import azure.durable_functions as df

from functions_host.invoking.invocation import Invoker
from functions_host.invoking.logs import InvocationLog
from functions_host.loading.indexing import load_function
from functions_host.running.app_catalog import (
    BLOCKED_SECONDS,
    LONGEST_CONTEXT,
    SLOW_SECONDS,
    TRIAL_RUNS,
    AppCatalog,
    ReplayPlacement,
)


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


def test_each_slow_replay_on_the_loop_doubles_the_trial() -> None:
    placement = proven()
    for trial in (2 * TRIAL_RUNS, 4 * TRIAL_RUNS, 8 * TRIAL_RUNS):
        placement.took("o", SLOW_SECONDS * 2, on_loop=True)
        for _ in range(trial):
            assert not placement.on_loop("o", 100)
            placement.took("o", 0.001, on_loop=False)
        assert placement.on_loop("o", 100)


def test_one_that_blocks_the_loop_never_returns_to_it() -> None:
    placement = proven()
    placement.took("o", BLOCKED_SECONDS * 2, on_loop=True)
    for _ in range(10 * TRIAL_RUNS):
        placement.took("o", 0.001, on_loop=False)
    assert not placement.on_loop("o", 100)


def test_a_slow_run_in_its_trial_begins_the_trial_anew() -> None:
    placement = ReplayPlacement()
    for seconds in (0.001, 0.001, SLOW_SECONDS * 2, 0.001, 0.001):
        placement.took("o", seconds, on_loop=False)
        assert not placement.on_loop("o", 100)
    placement.took("o", 0.001, on_loop=False)
    assert placement.on_loop("o", 100)


async def test_an_orchestrator_that_blocks_is_never_put_on_the_loop(app: Any, start: Any) -> None:
    threads = await where_it_runs(app, start, SLOW_SECONDS * 1.2, runs=TRIAL_RUNS + 3)
    assert threads == [False] * (TRIAL_RUNS + 3)


async def test_a_wait_for_a_thread_does_not_keep_a_quick_orchestrator_off_the_loop(
    app: Any, start: Any
) -> None:
    @app.activity_trigger(input_name="value")
    def hogs(value: int) -> int:
        time.sleep(SLOW_SECONDS * 1.5)
        return value

    @app.orchestration_trigger(context_name="context")
    def waits_behind(context: df.DurableOrchestrationContext) -> Any:
        yield context.task_all([context.call_activity("hogs", n) for n in range(8)])

    # Many runs: on a busy machine even a quick one is interrupted now and then, and its trial begins anew.
    assert any(await where_it_runs(app, start, 0.0, runs=20 * TRIAL_RUNS, beside="waits_behind"))


async def where_it_runs(
    app: Any, start: Any, seconds: float, *, runs: int, beside: str | None = None
) -> list[bool]:
    """Whether each run of an orchestrator that sleeps so long was on the loop's thread."""
    on_loop: list[bool] = []

    @app.orchestration_trigger(context_name="context")
    def sleeps(context: df.DurableOrchestrationContext) -> Any:
        on_loop.append(threading.current_thread() is threading.main_thread())
        time.sleep(seconds)
        return context.get_input()

    app.functions_bindings = {}
    invoker = Invoker(2, None, InvocationLog(None, {}))
    catalog: Any = AppCatalog([load_function(function) for function in app.get_functions()], invoker)
    host = await start(app, catalog=catalog)
    if beside is not None:
        await host.client.start_new(beside)
    for number in range(runs):
        assert (await host.run("sleeps", number)).output == number
    invoker.close()
    return on_loop
