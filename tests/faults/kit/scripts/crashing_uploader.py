"""Uploads an inbox as one Spark task does, and kills itself at the n-th side effect.

Side effects are numbered through wrapped adapters: before and after each request, before each rename,
removal and opening for writing (Python's audit events). ``CRASH_AT`` is n; ends with 0 if never reached.
Words: device root, device id.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

from local_agent.folder.entries import list_inbox
from local_agent.storage.uploads import BlobUploader
from local_agent.streaming.job_options import JobOptions
from local_agent.streaming.sending import Sender

_left = int(os.environ["CRASH_AT"])
_armed = False
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _point() -> None:
    global _left
    if _armed:
        _left -= 1
        if _left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("os.rename", "os.remove", "os.mkdir", "os.link") or (
        event == "open" and isinstance(arguments[2], int) and arguments[2] & _WRITING
    ):
        _point()


_put_once = BlobUploader._put_once


async def _put_with_points(self: BlobUploader, *words: Any) -> Any:
    _point()
    answer = await _put_once(self, *words)
    _point()
    return answer


BlobUploader._put_once = _put_with_points  # type: ignore[method-assign]
options = JobOptions(
    root=sys.argv[1],
    device_id=sys.argv[2],
    container=os.environ["AGENT_CONTAINER"],
    connections=1,
    parallelism=1,
)
files = [(entry.path, entry.identity) for entry in list_inbox(options.folders.inbox)]
sender = Sender(options)
sys.addaudithook(_audit)
_armed = True
result = sender.send(iter(files))
_armed = False
sender._loop.run_until_complete(sender._uploader.close())
sender._loop.run_until_complete(asyncio.sleep(0))
print(result.error, file=sys.stderr)
sys.exit(1 if result.failed else 0)
