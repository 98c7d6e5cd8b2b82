"""host.json's durableTask section (contract B10)."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from azure.durable_functions import DurableOrchestrationContext as Context

from functions_host.durable import DurableOptions, OptionsError


def read(**section: Any) -> DurableOptions:
    return DurableOptions.from_host_json({"version": "2.0", "extensions": {"durableTask": section}})


def test_defaults_are_the_real_hosts() -> None:
    options = DurableOptions.from_host_json({"version": "2.0"})
    assert options == DurableOptions(
        hub_name="TestHubName",
        overridable_existing_instance_states="NonRunningStates",
        max_concurrent_activities=10 * (os.cpu_count() or 1),
        max_concurrent_orchestrators=10 * (os.cpu_count() or 1),
        max_orchestration_actions=100_000,
        store_inputs_in_history=False,
        default_version=None,
    )


def test_keys_ignore_case_and_unknown_ones_are_accepted() -> None:
    options = read(HUBNAME="MyHub", tracing={"x": 1}, storageProvider={"type": "mssql"})
    assert options.hub_name == "MyHub"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hubName", "x"),
        ("hubName", "with-dash"),
        ("hubName", 3),
        ("overridableExistingInstanceStates", "Sometimes"),
        ("maxConcurrentActivityFunctions", 0),
        ("maxConcurrentOrchestratorFunctions", "ten"),
        ("maxOrchestrationActions", True),
        ("localRpcEndpointEnabled", False),
    ],
)
def test_a_value_that_cannot_be_honoured_is_refused_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(OptionsError, match=key):
        read(**{key: value})


async def test_no_more_activities_run_at_once_than_allowed(app: Any, start: Any) -> None:
    running, most = 0, 0

    @app.orchestration_trigger(context_name="context")
    def fan(context: Context) -> Any:
        return (yield context.task_all([context.call_activity("counts", n) for n in range(12)]))

    @app.activity_trigger(input_name="number")
    async def counts(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return number

    host = await start(app, host_json={"maxConcurrentActivityFunctions": 3})
    assert (await host.run("fan")).output == list(range(12))
    assert most == 3


async def test_no_more_orchestrators_run_at_once_than_allowed(app: Any, start: Any, sdk_catalog: Any) -> None:
    running, most = 0, 0

    @app.orchestration_trigger(context_name="context")
    def quick(context: Context) -> Any:
        return 1

    class Slow(sdk_catalog):  # type: ignore[misc]
        async def invoke_orchestrator(self, name: str, context_json: str) -> str:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.001)
            running -= 1
            answer: str = await super().invoke_orchestrator(name, context_json)
            return answer

    host = await start(app, catalog=Slow(app), host_json={"maxConcurrentOrchestratorFunctions": 2})
    await asyncio.gather(*[host.run("quick") for _ in range(8)])
    assert most == 2
