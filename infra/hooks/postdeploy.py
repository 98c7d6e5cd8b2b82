"""After the code is deployed: subscribe the blob trigger to finished uploads, and print the next steps.

The subscription's webhook needs a key that the host makes when it first loads the app, which can take
a minute after the deployment; hence the tries.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping

from deployment import HookError, Run, must, output, run, say

TRIES, SECONDS_BETWEEN = 10, 30
# What ARM answers while the host has not made the key yet, is starting, or has not answered Event Grid's handshake.
# Not "validation" alone: a template that does not validate would be tried for five minutes.
NOT_YET = ("blobs_extension", "validation handshake", "from host runtime", "ServiceUnavailable", "BadGateway")


def main(environ: Mapping[str, str], run: Run, pause: Callable[[float], None] = time.sleep) -> int:
    """Make the subscription; returns the exit code."""
    try:
        _subscribe(environ, run, pause)
        say(_next_steps(environ))
    except HookError as error:
        print(f"postdeploy: {error}", file=sys.stderr)
        return 1
    return 0


def _subscribe(environ: Mapping[str, str], run: Run, pause: Callable[[float], None]) -> None:
    command = [
        "az", "deployment", "group", "create", "--only-show-errors", "--output", "none",
        "--name", "event-subscription",
        "--resource-group", output(environ, "AZURE_RESOURCE_GROUP"),
        "--template-file", "infra/event-subscription.bicep",
        "--parameters",
        f"functionAppName={output(environ, 'FUNCTION_APP_NAME')}",
        f"topicName={output(environ, 'EVENT_GRID_TOPIC_NAME')}",
        f"imageContainer={output(environ, 'AGENT_CONTAINER')}",
    ]  # fmt: skip
    for attempt in range(1, TRIES + 1):
        done = run(command, "making the Event Grid subscription")
        if done.code == 0 or attempt == TRIES or not any(sign in done.output for sign in NOT_YET):
            must(done, "make the Event Grid subscription")
            return
        say(f"The app is not ready for the subscription yet (try {attempt} of {TRIES}).")
        pause(SECONDS_BETWEEN)


def _next_steps(environ: Mapping[str, str]) -> str:
    url = output(environ, "FUNCTION_APP_URL")
    return (
        "\nThe pipeline is up. Send images from the device's computer:\n"
        f"  export AGENT_STORAGE_ACCOUNT_URL={output(environ, 'AGENT_STORAGE_ACCOUNT_URL')}\n"
        f"  export AGENT_CONTAINER={output(environ, 'AGENT_CONTAINER')}\n"
        "  python3 pipeline.py simulate --images 10 && python3 pipeline.py upload --once\n"
        f"and see their results: {url}/api/runs (function key: docs/deploy.md)"
    )


if __name__ == "__main__":
    sys.exit(main(os.environ, run))
