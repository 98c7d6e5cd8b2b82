"""Which pipeline a command means: the one named by --url, or the one that is up on this computer."""

from __future__ import annotations

from local_stack.errors import StackError
from local_stack.run_api import RunApi
from local_stack.running_stack import RunningStack, read_running
from local_stack.state_folder import StateFolder


def running_stack() -> RunningStack:
    """The stack that is up on this computer. Raises StackError if there is none."""
    stack = read_running(StateFolder().running)
    if stack is None:
        raise StackError(
            "No pipeline is up on this computer.",
            "start it in another terminal (`python3 pipeline.py up`), or name a deployment with --url",
        )
    return stack


def run_api(url: str | None) -> RunApi:
    """The API of ``url``, or of the stack that is up here."""
    return RunApi(url or running_stack().url)
