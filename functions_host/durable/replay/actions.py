"""What an orchestrator function returns (contract B3), the SDK's OrchestratorState, as data; checked here, once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from functions_host.durable.events import dumps, parse_time

OUT_OF_PROC_LABEL = "$OutOfProcData$:"


class ProtocolError(Exception):
    """The orchestrator returned something that is not the protocol of contract B3."""


class UnsupportedActionError(ProtocolError):
    """The orchestrator asked for an entity or an HTTP call, which this host refuses by name."""


@dataclass(frozen=True)
class RetryOptions:
    """Host-side retry: attempts in total, first pause in milliseconds, growth of the pause."""

    max_attempts: int
    first_interval_ms: float
    backoff: float = 1.0
    max_interval_ms: float = 6 * 86_400_000.0

    def delay_ms(self, failed_attempts: int) -> float:
        """Pause after that many failures (1 = after the first attempt)."""
        return float(
            min(self.first_interval_ms * self.backoff ** (failed_attempts - 1), self.max_interval_ms)
        )


@dataclass(frozen=True)
class CallActivity:
    name: str
    input: str | None
    retry: RetryOptions | None = None


@dataclass(frozen=True)
class CallSubOrchestrator:
    name: str
    input: str | None
    instance_id: str | None
    version: str | None
    retry: RetryOptions | None = None


@dataclass(frozen=True)
class ContinueAsNew:
    input: str | None


@dataclass(frozen=True)
class CreateTimer:
    fire_at: datetime
    is_canceled: bool


@dataclass(frozen=True)
class WaitForEvent:
    name: str


@dataclass(frozen=True)
class WhenAny:
    children: tuple[Action, ...]


@dataclass(frozen=True)
class WhenAll:
    children: tuple[Action, ...]


Action = CallActivity | CallSubOrchestrator | ContinueAsNew | CreateTimer | WaitForEvent | WhenAny | WhenAll


@dataclass(frozen=True)
class OrchestratorState:
    """One replay's outcome: all actions since the start of this execution, and where it stands.

    `output` and `custom_status` are JSON texts; `error` is the failure message.
    """

    actions: tuple[Action, ...]
    is_done: bool
    output: str | None = None
    error: str | None = None
    custom_status: str | None = None


_REFUSED = {
    7: "call_entity (durable entities)",
    8: "call_http",
    9: "signal_entity (durable entities)",
    10: "signal_entity (durable entities)",
}


def parse_state(text: str) -> OrchestratorState:
    """Read the state JSON; raises ProtocolError or UnsupportedActionError."""
    try:
        state = json.loads(text)
        groups: Sequence[Sequence[Mapping[str, Any]]] = state["actions"]
        actions = tuple(_action(raw) for group in groups for raw in group)
    except (KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"unreadable orchestrator state: {error!r}") from error
    if state.get("schemaVersion", 0) < 1 or len(groups) != 1:
        raise ProtocolError("the orchestrator answered in an older protocol than schema V2")
    return OrchestratorState(
        actions=actions,
        is_done=bool(state.get("isDone")),
        output=_optional_json(state, "output"),
        error=state.get("error") or None,
        custom_status=_optional_json(state, "customStatus"),
    )


def state_from_failure(message: str) -> OrchestratorState | None:
    """The state that a raised SDK exception carries after its label, or None for a plain failure."""
    _, label, embedded = message.rpartition(OUT_OF_PROC_LABEL)
    if not label:
        return None
    try:
        json.loads(embedded)
    except ValueError:
        return None
    return parse_state(embedded)


def _optional_json(state: Mapping[str, Any], key: str) -> str | None:
    value = state.get(key)
    return None if value is None else dumps(value)


def _action(raw: Mapping[str, Any]) -> Action:
    kind = raw["actionType"]
    if kind in (0, 1):
        return CallActivity(raw["functionName"], raw.get("input"), _retry(raw) if kind == 1 else None)
    if kind in (2, 3):
        return CallSubOrchestrator(
            raw["functionName"],
            raw.get("input"),
            raw.get("instanceId"),
            raw.get("version"),
            _retry(raw) if kind == 3 else None,
        )
    if kind == 4:
        return ContinueAsNew(raw.get("input"))
    if kind == 5:
        return CreateTimer(parse_time(raw["fireAt"]), bool(raw.get("isCanceled")))
    if kind == 6:
        return WaitForEvent(raw["externalEventName"])
    if kind in (11, 12):
        children = tuple(_action(child) for child in raw["compoundActions"])
        return WhenAny(children) if kind == 11 else WhenAll(children)
    if kind in _REFUSED:
        raise UnsupportedActionError(f"{_REFUSED[kind]} is not supported by this host")
    raise ProtocolError(f"unknown action type {kind!r}")


def _retry(raw: Mapping[str, Any]) -> RetryOptions:
    options = raw["retryOptions"]
    return RetryOptions(
        max_attempts=int(options["maxNumberOfAttempts"]),
        first_interval_ms=float(options["firstRetryIntervalInMilliseconds"]),
        backoff=float(options.get("backoffCoefficient") or 1.0),
        max_interval_ms=float(options.get("maxRetryIntervalInMilliseconds") or 6 * 86_400_000.0),
    )
