"""The session that the SDK's clients share does not outlive the engines that answer it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import azure.durable_functions as df
from azure.durable_functions import DurableOrchestrationContext as Context
from azure.durable_functions.models.utils import http_utils


def add_done(app: df.DFApp) -> None:
    @app.orchestration_trigger(context_name="context")
    def done(context: Context) -> Any:
        return context.get_input()


def test_a_client_works_on_the_next_event_loop(app: df.DFApp, open_engine: Any) -> None:
    add_done(app)

    async def run(number: int) -> Any:
        async with open_engine(app) as host:
            return (await host.run("done", number)).output

    assert [asyncio.run(run(number)) for number in range(3)] == [0, 1, 2]
    assert http_utils._client_session is None


async def test_the_session_stays_open_while_another_engine_runs(
    app: df.DFApp, start: Any, open_engine: Any, tmp_path: Path
) -> None:
    add_done(app)
    lasting = await start(app, tmp_path / "one.db")
    async with open_engine(app, tmp_path / "two.db") as other:
        await other.run("done", 1)
        session = http_utils._client_session
    assert session is not None
    assert not session.closed
    assert (await lasting.run("done", 2)).output == 2
