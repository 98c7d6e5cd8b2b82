"""Eternal orchestration: a clean-up every night, continued as new so that its history stays short.

It takes events in between: `Stop` ends it after the round at hand.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

app = df.DFApp()


def record(effect: str) -> None:
    """Leave a trace outside the host, for whoever counts effects."""
    if path := os.environ.get("EFFECTS_FILE"):
        with Path(path).open("a") as file:
            file.write(effect + "\n")


@app.orchestration_trigger(context_name="context")
def clean_up(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    state = context.get_input()
    swept = yield context.call_activity("sweep", state["round"])
    state = {**state, "round": state["round"] + 1, "swept": state["swept"] + swept}
    if state["round"] >= state.get("rounds", 1_000_000):
        return state
    night = context.create_timer(context.current_utc_datetime + timedelta(days=1))
    stop = context.wait_for_external_event("Stop")
    winner = yield context.task_any([stop, night])
    if winner == stop:
        night.cancel()
        return {**state, "stopped": True}
    context.continue_as_new(state)
    return None


@app.activity_trigger(input_name="number")
def sweep(number: int) -> int:
    record(f"sweep {number}")
    return number + 1
