"""Monitor: a job is polled every half hour until it is done, or until a day has passed."""

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
def watch_job(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    job = context.get_input()
    expires = context.current_utc_datetime + timedelta(days=1)
    polls = 0
    while context.current_utc_datetime < expires:
        state = yield context.call_activity("job_state", {**job, "poll": polls})
        polls += 1
        context.set_custom_status({"state": state, "polls": polls})
        if state == "done":
            yield context.call_activity("notify", f"{job['job']} done")
            return {"state": state, "polls": polls}
        yield context.create_timer(context.current_utc_datetime + timedelta(minutes=30))
    yield context.call_activity("notify", f"{job['job']} expired")
    return {"state": "expired", "polls": polls}


@app.activity_trigger(input_name="job")
def job_state(job: dict) -> str:  # type: ignore[type-arg]  # as a user writes it
    record(f"poll {job['poll']}")
    return "done" if job["poll"] >= job["done_after"] else "running"


@app.activity_trigger(input_name="message")
def notify(message: str) -> None:
    record(f"notify {message}")
