"""The agent's one tree of errors: what may be tried again and how soon, and what a person has to fix."""


class AgentError(Exception):
    """Anything the agent reports on purpose; its text never holds a secret."""


class TransientError(AgentError):
    """Will pass by itself: the file stays where it is and is tried again later."""


class PermanentError(AgentError):
    """Repeating it cannot help."""


class BlockedError(PermanentError):
    """The service refuses everything until someone changes something; the text says what. Files are kept."""


class FileRefusedError(PermanentError):
    """This one file can never be uploaded; it is rejected with its reason.

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


FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0


def delay_seconds(
    failures: int,
    chance: float,
    *,
    first: float = FIRST_DELAY_SECONDS,
    longest: float = LONGEST_DELAY_SECONDS,
) -> float:
    """Seconds to wait after ``failures`` failures in a row: doubling, capped, and spread by ``chance`` in [0, 1).

    Spread over the upper half, so that many agents cut off together do not come back together.
    """
    if failures <= 0:
        return 0.0
    ceiling = min(longest, first * 2.0 ** min(failures - 1, 32))
    return ceiling * (0.5 + chance / 2)
