"""What the Durable SDK's own orchestrator tests ask of a context, one orchestrator each."""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

app = df.DFApp()
Steps = Generator[Any, Any, Any]


def record(effect: str) -> None:
    """Leave a trace outside the host, for whoever counts effects."""
    if path := os.environ.get("EFFECTS_FILE"):
        with Path(path).open("a") as file:
            file.write(effect + "\n")


class Parcel:
    """A class of the app's own that travels as input and result."""

    def __init__(self, weight: int) -> None:
        self.weight = weight

    @staticmethod
    def to_json(parcel: Parcel) -> str:
        return str(parcel.weight)

    @staticmethod
    def from_json(text: str) -> Parcel:
        return Parcel(int(text))


@app.activity_trigger(input_name="city")
def hello(city: str) -> str:
    return f"Hello {city}!"


@app.activity_trigger(input_name="parcel")
def heavier(parcel: Parcel) -> Parcel:
    return Parcel(parcel.weight + 1)


@app.activity_trigger(input_name="reason")
def fails(reason: str) -> str:
    raise ValueError(reason)


@app.orchestration_trigger(context_name="context")
def sequence_with_status(context: df.DurableOrchestrationContext) -> Steps:
    greetings = []
    for city in ("Tokyo", "Seattle", "London"):
        greetings.append((yield context.call_activity(hello, city)))  # the function itself, not its name
        context.set_custom_status(f"{city} done")
    return greetings


@app.orchestration_trigger(context_name="context")
def logs_when_not_replaying(context: df.DurableOrchestrationContext) -> Steps:
    for step in range(3):
        if not context.is_replaying:
            record(f"step {step}")
        yield context.call_activity(hello, str(step))
    return context.instance_id


@app.orchestration_trigger(context_name="context")
def draws_ids(context: df.DurableOrchestrationContext) -> Steps:
    first = str(context.new_uuid())
    yield context.call_activity(hello, first)
    second = str(context.new_uuid())
    yield context.call_activity(hello, second)
    record(f"{first} {second}")
    return [first, second]


@app.orchestration_trigger(context_name="context")
def passes_objects(context: df.DurableOrchestrationContext) -> Steps:
    parcel = yield context.call_activity(heavier, Parcel(context.get_input()))
    parcel = yield context.call_activity(heavier, parcel)
    return parcel.weight


@app.orchestration_trigger(context_name="context")
def tells_time(context: df.DurableOrchestrationContext) -> Steps:
    before = context.current_utc_datetime
    yield context.create_timer(before + timedelta(days=30))  # a long timer: the SDK makes slices of it
    return (context.current_utc_datetime - before).days


@app.orchestration_trigger(context_name="context")
def survives_a_failure(context: df.DurableOrchestrationContext) -> Steps:
    try:
        yield context.call_activity(fails, "no luck")
    except Exception as error:
        return f"{type(error).__name__} caught: {'no luck' in str(error)}"


@app.orchestration_trigger(context_name="context")
def races(context: df.DurableOrchestrationContext) -> Steps:
    event = context.wait_for_external_event("never")
    greeting = context.call_activity(hello, "first")
    winner = yield context.task_any([event, greeting])
    return winner.result if winner is greeting else "the event?"
