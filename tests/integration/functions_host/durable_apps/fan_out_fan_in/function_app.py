"""Fan-out/fan-in: every file of a folder is measured at the same time, the sizes are summed."""

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
def total_size(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    files = yield context.call_activity("list_files", context.get_input()["files"])
    sizes = yield context.task_all([context.call_activity("size_of", name) for name in files])
    context.set_custom_status({"files": len(files)})
    return sum(sizes)


@app.activity_trigger(input_name="count")
def list_files(count: int) -> list[str]:
    record(f"list {count}")
    return [f"file-{number}" for number in range(count)]


@app.activity_trigger(input_name="name")
def size_of(name: str) -> int:
    record(f"size {name}")
    return 100 + int(name.removeprefix("file-"))
