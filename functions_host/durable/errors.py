"""What the Durable engine refuses, one branch of errors.

`DurableError` > `OptionsError` (host.json); `HubInUseError`, `HubNewerError`, `HubMismatchError`
(the database file); `RequestRefusedError` (a client's call; carries the HTTP status).
"""

from __future__ import annotations


class DurableError(Exception):
    """Root of everything the engine raises on purpose."""


class OptionsError(DurableError):
    """host.json holds a value the engine cannot honour."""


class HubInUseError(DurableError):
    """Another host process has this hub's database open."""


class HubNewerError(DurableError):
    """The database was written by a newer version of this engine."""


class HubMismatchError(DurableError):
    """The database belongs to a hub of another name."""


class RequestRefusedError(DurableError):
    """A client's request cannot be carried out; `status` is the HTTP answer it gets."""

    def __init__(self, status: int, message: str, kind: str = "System.ArgumentException") -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class InstanceNotFoundError(RequestRefusedError):
    """No instance of that id (HTTP 404, empty body)."""

    def __init__(self, instance_id: str) -> None:
        super().__init__(404, f"No instance with ID '{instance_id}' was found.")


class InstanceFinishedError(RequestRefusedError):
    """The instance has ended, so there is nothing to act upon (HTTP 410)."""

    def __init__(self, instance_id: str) -> None:
        super().__init__(410, f"Instance '{instance_id}' has already finished.")
