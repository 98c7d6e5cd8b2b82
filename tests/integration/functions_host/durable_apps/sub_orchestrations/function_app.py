"""Sub-orchestrations: many devices are provisioned at once, each by an orchestration of its own."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import azure.durable_functions as df

app = df.DFApp()
devices = df.Blueprint()


def record(effect: str) -> None:
    """Leave a trace outside the host, for whoever counts effects."""
    if path := os.environ.get("EFFECTS_FILE"):
        with Path(path).open("a") as file:
            file.write(effect + "\n")


@devices.orchestration_trigger(context_name="context")
def provision_all(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    names = context.get_input()["devices"]
    return (yield context.task_all([context.call_sub_orchestrator("provision", name) for name in names]))


@devices.orchestration_trigger(context_name="context")
def provision(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    package = yield context.call_activity("make_package", context.get_input())
    return (yield context.call_activity("install", package))


@devices.activity_trigger(input_name="device")
def make_package(device: str) -> str:
    record(f"package {device}")
    return f"package for {device}"


@devices.activity_trigger(input_name="package")
def install(package: str) -> str:
    record(f"install {package}")
    return f"installed {package}"


app.register_functions(devices)
