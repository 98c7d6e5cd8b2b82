"""Function chaining: an order is reserved, charged and shipped, each step fed by the one before."""

from __future__ import annotations

import os
from collections.abc import Generator
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


@app.route(route="orders/{number}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def take_order(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    number = req.route_params["number"]
    await client.start_new("fulfil", f"order-{number}", {"order": number})
    return client.create_check_status_response(req, f"order-{number}")


@app.orchestration_trigger(context_name="context")
def fulfil(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    order = context.get_input()["order"]
    reservation = yield context.call_activity("reserve", order)
    payment = yield context.call_activity("charge", reservation)
    return (yield context.call_activity("ship", payment))


@app.activity_trigger(input_name="order")
def reserve(order: str) -> str:
    record(f"reserve {order}")
    return f"{order}/reserved"


@app.activity_trigger(input_name="reservation")
def charge(reservation: str) -> str:
    record(f"charge {reservation}")
    return f"{reservation}/charged"


@app.activity_trigger(input_name="payment")
def ship(payment: str) -> str:
    record(f"ship {payment}")
    return f"{payment}/shipped"
