"""Arguments that no datum brings: `context`, with azure.functions.Context's attributes, and `func.Out` (contract E)."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

THREAD_LOCAL = threading.local()
"""Holds `invocation_id` in the thread that runs a sync function; user code may read it."""


@dataclass(frozen=True)
class TraceContext:
    """W3C trace context: the caller's `traceparent` header, or a fresh one."""

    trace_parent: str
    trace_state: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def Traceparent(self) -> str:  # noqa: N802 (the SDK's deprecated spelling)
        return self.trace_parent

    @property
    def Tracestate(self) -> str:  # noqa: N802
        return self.trace_state

    @property
    def Attributes(self) -> Mapping[str, str]:  # noqa: N802
        return self.attributes


@dataclass(frozen=True)
class RetryContext:
    """Always a first attempt: function-level retry policies are not run (contract C6)."""

    retry_count: int = 0
    max_retry_count: int = 0
    exception: None = None


@dataclass(frozen=True)
class InvocationContext:
    """What a function with a `context` parameter receives."""

    invocation_id: str
    function_name: str
    function_directory: str
    trace_context: TraceContext
    retry_context: RetryContext = RetryContext()
    thread_local_storage: threading.local = THREAD_LOCAL


def fresh_trace_parent() -> str:
    """A new W3C `traceparent`, not sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"


class OutputParameter:
    """`func.Out`: keeps what the function sets."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, value: Any) -> None:
        self._value = value

    def get(self) -> Any:
        return self._value
