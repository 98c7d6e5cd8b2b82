"""The object a `func.Out` parameter receives. Only HTTP responses can be bound to one in this host."""

from __future__ import annotations

from typing import Any


class OutputParameter:
    """Holds what the function sets."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, value: Any) -> None:
        self._value = value

    def get(self) -> Any:
        return self._value
