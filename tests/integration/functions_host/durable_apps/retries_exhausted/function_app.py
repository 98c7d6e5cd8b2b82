"""Retries exhausted: a transfer is tried three times; when it never works, the debit is undone."""

from __future__ import annotations

import os
from collections.abc import Generator
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
def transfer(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    order = context.get_input()
    retry = df.RetryOptions(first_retry_interval_in_milliseconds=60_000, max_number_of_attempts=3)
    yield context.call_activity("debit", order["from"])
    try:
        yield context.call_activity_with_retry("credit", retry, order["to"])
    except Exception as error:
        reason = str(error).partition(" \n ")[0]
        undone = yield context.call_activity("undo_debit", order["from"])
        return {"undone": undone, "reason": reason}
    return "transferred"


@app.activity_trigger(input_name="account")
def debit(account: str) -> None:
    record(f"debit {account}")


@app.activity_trigger(input_name="account")
def credit(account: str) -> None:
    record(f"credit {account}")
    raise ConnectionError(f"the bank of {account} does not answer")


@app.activity_trigger(input_name="account")
def undo_debit(account: str) -> str:
    record(f"undo {account}")
    return account
