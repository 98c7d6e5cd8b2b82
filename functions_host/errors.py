"""What the host raises on purpose: one tree, two branches.

`Permanent`: the app, its settings or the command line must change (`StartRefusedError`, `SettingsError`,
`StateInUseError`, `StateDamagedError`, `StateNewerError`, `AddressInUseError`). `Transient`: the same thing may work a
moment later (`StorageUnavailableError`, `WorkerExitedError`). No message of these ever holds a key or a connection
string.
"""

from __future__ import annotations


class HostError(Exception):
    """Root of every error the host raises on purpose."""


class Permanent(HostError):  # noqa: N818 (an adjective: the branch, not one error)
    """Trying again without a change cannot help."""


class Transient(HostError):  # noqa: N818 (an adjective: the branch, not one error)
    """Trying again later may help."""


class SettingsError(Permanent):
    """A setting, host.json or local.settings.json cannot be used as it stands."""


class StartRefusedError(Permanent):
    """The app holds something the host or the Python worker would not load."""

    def __init__(self, function_name: str, reason: str) -> None:
        super().__init__(f"cannot load the function {function_name!r}: {reason}")
        self.function_name = function_name
        self.reason = reason


class AppLoadError(Permanent):
    """The app's module cannot be imported or holds no single function app."""


class StateInUseError(Permanent):
    """Another running host owns the state directory."""


class StateNewerError(Permanent):
    """The state directory was written by a newer version of this host."""


class StateDamagedError(Permanent):
    """A file of the state directory cannot be read."""


class AddressInUseError(Permanent):
    """The address to listen on is taken."""


class FunctionTimedOutError(Permanent):
    """A function ran longer than host.json's functionTimeout."""


class StorageRefusedError(Permanent):
    """The storage account answered that this request will never be allowed or understood."""


class NameRefusedError(StorageRefusedError):
    """The storage account answered that no container or blob can have this name."""


class StorageUnavailableError(Transient):
    """The storage account could not be reached, was throttling, or failed inside."""


class WorkerExitedError(Transient):
    """The worker process exited during the call; its text is the real host's (WorkerProcessExitException)."""
