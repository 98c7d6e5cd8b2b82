"""Uploads inboxes as one Spark task does, each in a life of its own that kills itself at the n-th side effect.

Side effects are numbered through wrapped adapters: before and after each request, before each rename, removal and
opening for writing (Python's audit events). One line ``root container n`` on standard input is one life, n = 0 for
one that is left alone; the answer is one line with its exit code. Lives are forked, so that imports are paid for once.
Word: the device id.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from local_agent.folder.entries import list_inbox
from local_agent.storage.uploads import BlobUploader
from local_agent.streaming.job_options import JobOptions
from local_agent.streaming.sending import Sender

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_left = 0
_armed = False


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


BlobUploader._put_once = _put_with_points  # type: ignore[method-assign, assignment]


def live(root: str, container: str, crash_at: int) -> int:
    """One life; does not return if it reaches its crash point."""
    global _left, _armed
    options = JobOptions(root=root, device_id=sys.argv[1], container=container, connections=1, parallelism=1)
    files = [(entry.path, entry.identity) for entry in list_inbox(options.folders.inbox)]
    sender = Sender(options)
    sys.addaudithook(_audit)
    _left, _armed = crash_at, True
    result = sender.send(iter(files))
    _armed = False
    sender.close()
    if result.failed:
        print(result.error, file=sys.stderr, flush=True)
    return 1 if result.failed else 0


for line in sys.stdin:
    words = line.split()
    child = os.fork()
    if child == 0:
        os._exit(live(words[0], words[1], int(words[2])))
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
