"""Human interaction with timeout: a request is approved by somebody within three days, or escalated."""

from __future__ import annotations

import os
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def record(effect: str) -> None:
    """Leave a trace outside the host, for whoever counts effects."""
    if path := os.environ.get("EFFECTS_FILE"):
        with Path(path).open("a") as file:
            file.write(effect + "\n")


@app.route(route="approvals/{id}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def approve(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    await client.raise_event(req.route_params["id"], "Approval", req.get_body().decode())
    return func.HttpResponse(status_code=202)


@app.orchestration_trigger(context_name="context")
def ask_approval(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.call_activity("send_request", context.get_input()["request"])
    context.set_custom_status("waiting for approval")
    timeout = context.create_timer(context.current_utc_datetime + timedelta(days=3))
    approval = context.wait_for_external_event("Approval")
    winner = yield context.task_any([approval, timeout])
    if winner == approval:
        timeout.cancel()
        return (yield context.call_activity("process", str(approval.result)))
    return (yield context.call_activity("escalate", context.get_input()["request"]))


@app.activity_trigger(input_name="request")
def send_request(request: str) -> None:
    record(f"send {request}")


@app.activity_trigger(input_name="answer")
def process(answer: str) -> str:
    record(f"process {answer}")
    return f"processed {answer}"


@app.activity_trigger(input_name="request")
def escalate(request: str) -> str:
    record(f"escalate {request}")
    return f"escalated {request}"
