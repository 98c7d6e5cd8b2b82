"""What a task does with its files: read, upload, move, many at once; one result for each, never an exception.

Lives in Spark's Python workers. The connections outlive the micro-batch: one client per worker process.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from local_agent.blob_contract import describe
from local_agent.errors import BlockedError, FileNotReadyError, FileRefusedError, TransientError
from local_agent.folder.entries import Identity
from local_agent.folder.moving import Reason, delete_done, move_to_done, reject
from local_agent.folder.reading import read_complete
from local_agent.storage.account import Account, open_account
from local_agent.storage.uploads import BlobUploader, Stored
from local_agent.streaming.job_options import JobOptions

# Failures in a row without a success: the service is away, and the rest can wait in the folder.
_GIVE_UP_AFTER = 8
_STOP_LOOK_SECONDS = 0.2


@dataclass
class TaskResult:
    """What one task did with its files; latencies in seconds from file complete to acknowledged."""

    uploaded: int = 0
    already_there: int = 0
    bytes: int = 0
    rejected: int = 0
    failed: int = 0
    skipped: int = 0
    error: str = ""
    blocked: bool = False
    latencies: list[float] = field(default_factory=list)


class Pace:
    """Spreads bytes over time: no more than ``bytes_per_second`` on average, a second's worth at once."""

    def __init__(self, bytes_per_second: float) -> None:
        self._rate = bytes_per_second
        self._free_at = 0.0

    def delay(self, size: int, now: float) -> float:
        """Seconds to wait before sending ``size`` bytes at time ``now`` (monotonic); 0 without a limit."""
        if self._rate <= 0:
            return 0.0
        start = max(self._free_at, now - 1.0)
        self._free_at = start + size / self._rate
        return max(0.0, start - now)


class Sender:
    """One per Python worker process: an event loop, its connections, and the job's settings."""

    def __init__(self, options: JobOptions) -> None:
        self._options = options
        self._folders = options.folders
        self._loop = asyncio.new_event_loop()
        account = open_account(os.environ, options.container)
        self._uploader = self._loop.run_until_complete(_connect(account, options.connections))
        self._pace = Pace(options.bytes_per_second / max(1, options.parallelism))
        self._in_a_row = 0
        self._stop_seen = False
        self._next_stop_look = 0.0

    def send(self, files: Iterator[tuple[bytes, Identity]]) -> TaskResult:
        """Bring every file to its end, or leave it in the inbox; says how many of each."""
        return self._loop.run_until_complete(self._send(files))

    def close(self) -> None:
        """Give back the connections; worker processes just end instead."""
        self._loop.run_until_complete(self._uploader.close())
        self._loop.close()

    async def _send(self, files: Iterator[tuple[bytes, Identity]]) -> TaskResult:
        result = TaskResult()
        self._in_a_row = 0
        self._stop_seen = False

        async def lane() -> None:
            for path, identity in files:
                if self._stopping() or result.blocked or self._in_a_row >= _GIVE_UP_AFTER:
                    result.skipped += 1
                    continue
                await self._one(path, identity, result)

        await asyncio.gather(*(lane() for _ in range(self._options.connections)))
        return result

    def _stopping(self) -> bool:
        now = time.monotonic()
        if not self._stop_seen and now >= self._next_stop_look:
            self._next_stop_look = now + _STOP_LOOK_SECONDS
            self._stop_seen = self._folders.stop_request.exists()
        return self._stop_seen

    async def _one(self, path: bytes, identity: Identity, result: TaskResult) -> None:
        try:
            content = read_complete(self._folders.inbox, path, identity, self._options.max_bytes)
            blob = describe(self._options.device_id, path, identity.mtime_ns, content)
            delay = self._pace.delay(len(content), time.monotonic())
            if delay:
                await asyncio.sleep(delay)
            stored = await self._uploader.put(blob, content)
            self._in_a_row = 0
            result.latencies.append(time.time() - identity.mtime_ns / 1e9)
            tag = blob.name.rpartition("-")[2].partition(".")[0]
            end = move_to_done if self._options.keep_done else delete_done
            end(self._folders, path, identity, tag)
            result.bytes += len(content)
            result.uploaded += 1
            result.already_there += stored is Stored.ALREADY_THERE
        except FileRefusedError as refusal:
            self._reject(path, Reason(refusal.reason, str(refusal)), result)
        except FileNotReadyError as error:
            if error.reason == "unreadable":
                result.failed += 1
                result.error = f"a file cannot be read: {error}"
            else:
                result.skipped += 1
        except BlockedError as error:
            result.failed += 1
            result.error, result.blocked = str(error), True
        except TransientError as error:
            result.failed += 1
            result.error = str(error)
            self._in_a_row += 1
        except OSError as error:
            result.failed += 1
            result.error = f"a file was acknowledged but cannot be moved: {error.strerror}"

    def _reject(self, path: bytes, reason: Reason, result: TaskResult) -> None:
        try:
            reject(self._folders, path, reason)
            result.rejected += 1
        except FileNotFoundError:
            result.skipped += 1
        except OSError as error:
            result.failed += 1
            result.error = f"cannot set a file aside: {error.strerror}"


async def _connect(account: Account, connections: int) -> BlobUploader:
    return BlobUploader(account, connections)


_senders: dict[JobOptions, Sender] = {}


def sender_of_this_process(options: JobOptions) -> Sender:
    """The sender of this worker process, made at first need. Raises SettingsError."""
    if options not in _senders:
        _senders[options] = Sender(options)
    return _senders[options]
