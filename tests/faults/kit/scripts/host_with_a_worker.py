"""The embedded host, whose worker crashes at SIGUSR1 as a worker process does on Azure (``invoking/worker.py``).

The words go to the host; ``WORKER_AWAY_SECONDS`` is how long there is no worker afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

from functions_host.__main__ import main
from functions_host.invoking.worker import Crash
from functions_host.running.host import FunctionsHost

_CRASH = Crash(unnoticed_seconds=0.3, away_seconds=float(os.environ["WORKER_AWAY_SECONDS"]))
_start = FunctionsHost.start


def _crash(host: FunctionsHost) -> None:
    with contextlib.suppress(RuntimeError):  # no worker at this moment
        host.crash_worker(_CRASH)


async def _start_and_listen(self: FunctionsHost) -> None:
    await _start(self)
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _crash, self)


FunctionsHost.start = _start_and_listen  # type: ignore[method-assign]
sys.exit(main(sys.argv[1:]))
