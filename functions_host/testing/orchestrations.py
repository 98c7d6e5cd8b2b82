"""What a test asks of orchestrations, over the same management API that clients use in Azure."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from functions_host.testing.responses import Response

FINISHED = frozenset({"Completed", "Failed", "Terminated", "Canceled"})


@dataclass(frozen=True)
class OrchestrationStatus:
    """A status as the management API reports it; `history` empty unless it was asked for."""

    instance_id: str
    name: str
    runtime_status: str
    input: Any
    output: Any
    custom_status: Any
    history: tuple[dict[str, Any], ...] = ()

    @property
    def finished(self) -> bool:
        return self.runtime_status in FINISHED


class OrchestrationClient:
    """Start, look at and steer orchestrations. `send(method, path, json_text)` reaches the management API."""

    def __init__(self, send: Callable[[str, str, str | None], Response]) -> None:
        self._send = send

    def start(self, name: str, input_value: Any = None, instance_id: str | None = None) -> str:
        """Start an orchestrator as the SDK's `start_new` does; its instance id."""
        path = f"orchestrators/{name}" + (f"/{instance_id}" if instance_id else "")
        body = None if input_value is None else json.dumps(json.dumps(input_value))
        answer = self._accepted(self._send("POST", path, body))
        return str(answer.json()["id"])

    def status(self, instance_id: str, *, history: bool = False) -> OrchestrationStatus | None:
        """The instance's status; None when there is no such instance."""
        query = "?showHistory=true&showHistoryOutput=true" if history else ""
        answer = self._send("GET", f"instances/{instance_id}{query}", None)
        if answer.status == 404:
            return None
        found = answer.json()
        return OrchestrationStatus(
            found["instanceId"],
            found["name"],
            found["runtimeStatus"],
            found.get("input"),
            found.get("output"),
            found.get("customStatus"),
            tuple(found.get("historyEvents") or ()),
        )

    def wait(self, instance_id: str, seconds: float = 30.0) -> OrchestrationStatus:
        """Wait in real time until it has finished; raises TimeoutError naming where it stands."""
        return self.wait_until(instance_id, lambda status: status.finished, seconds)

    def wait_until(
        self, instance_id: str, holds: Callable[[OrchestrationStatus], bool], seconds: float = 30.0
    ) -> OrchestrationStatus:
        """Wait in real time until a status satisfies `holds`; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        pause = 0.002
        while True:
            status = self.status(instance_id)
            if status is not None and holds(status):
                return status
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {seconds:g} s: {status}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def raise_event(self, instance_id: str, event_name: str, data: Any = None) -> None:
        """Raise an external event; the waiter receives `data` parsed."""
        self._accepted(
            self._send("POST", f"instances/{instance_id}/raiseEvent/{event_name}", json.dumps(data))
        )

    def terminate(self, instance_id: str, reason: str = "") -> None:
        self._accepted(self._send("POST", f"instances/{instance_id}/terminate?reason={reason}", None))

    def suspend(self, instance_id: str) -> None:
        self._accepted(self._send("POST", f"instances/{instance_id}/suspend?reason=test", None))

    def resume(self, instance_id: str) -> None:
        self._accepted(self._send("POST", f"instances/{instance_id}/resume?reason=test", None))

    def purge(self, instance_id: str) -> bool:
        """Forget a finished instance; whether there was one."""
        return self._send("DELETE", f"instances/{instance_id}", None).status == 200

    @staticmethod
    def _accepted(answer: Response) -> Response:
        if answer.status not in (200, 202):
            raise RuntimeError(f"the host answered {answer.status}: {answer.text}")
        return answer
