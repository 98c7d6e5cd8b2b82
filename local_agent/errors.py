"""The agent's one tree of errors: what a caller may retry, and what a person has to fix."""


class AgentError(Exception):
    """Anything the agent reports on purpose; its text never holds a secret."""


class TransientError(AgentError):
    """Will pass by itself: the file stays where it is and is tried again later."""


class PermanentError(AgentError):
    """Repeating it cannot help."""


class BlockedError(PermanentError):
    """The service refuses everything until someone changes something; the text says what. Files are kept."""


class FileRefusedError(PermanentError):
    """This one file can never be uploaded; it is set aside with its reason.

    ``reason`` is a short stable word for machines, the message is for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class FileNotReadyError(TransientError):
    """The file changed, vanished or could not be opened; it is looked at again with the next listing."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SettingsError(PermanentError):
    """The agent cannot start as it is configured; the text says which setting and what to write."""


class AgentRunningError(PermanentError):
    """Another agent already serves this folder."""
