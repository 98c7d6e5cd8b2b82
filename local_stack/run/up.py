"""Everything except a simulator, until Ctrl-C: put images into the inbox and watch them being scored."""

from __future__ import annotations

import argparse
import time

from local_stack.operate.run_api import RunApi
from local_stack.run import parts
from local_stack.run.live_view import LiveView, Snapshot
from local_stack.run.stack import stack_up
from local_stack.state_folder import StateFolder
from local_stack.terminal import say


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 after Ctrl-C."""
    state = StateFolder()
    with stack_up(state, arguments.host, arguments.device_id) as stack:
        say(f"  Inbox      {state.inbox}")
        say(f"  API        {stack.url}/api/runs   {stack.url}/api/stats")
        say(f"  Dashboard  {stack.url}/api/dashboard")
        say("  Make images from another terminal: python3 pipeline.py simulate --images 20")
        say("  Ctrl-C ends it; what is under way then goes on at the next start.")
        started = time.monotonic()
        api = RunApi(stack.url)
        try:
            with LiveView() as view:
                while True:
                    stack.watch()
                    counts = api.counts()
                    status = parts.agent_status(state)
                    counts["uploaded"] = int(str(status.get("uploaded", 0)))
                    waiting = status.get("waiting", 0)
                    view.show(Snapshot(counts, None, time.monotonic() - started, None, f"waiting {waiting}"))
                    time.sleep(1)
        except KeyboardInterrupt:
            say("")
    return 0
