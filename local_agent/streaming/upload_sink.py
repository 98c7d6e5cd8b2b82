"""The streaming sink: each task uploads its files; the commit reports what the batch did.

A task never fails because of a file or of the service: what was not uploaded is still in the inbox, which
is all the memory a retry needs. So Spark's own retry and abort have nothing to undo.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pyspark.sql.datasource import DataSource, DataSourceStreamArrowWriter, WriterCommitMessage

from local_agent.errors import SettingsError
from local_agent.folder.entries import Identity
from local_agent.reports import BatchReport, post_batch
from local_agent.streaming.inbox_reader import SCHEMA, InboxReader
from local_agent.streaming.job_options import JobOptions
from local_agent.streaming.sending import TaskResult

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql.types import StructType

SOURCE_NAME = "device_inbox"


class TaskMessage(WriterCommitMessage):
    """One task's result on its way to the driver."""

    def __init__(self, result: TaskResult, started: float, worker: str) -> None:
        self.result, self.started, self.ended, self.worker = result, started, time.time(), worker


class UploadWriter(DataSourceStreamArrowWriter):
    """Uploads in the executors, reports in the driver."""

    def __init__(self, options: JobOptions) -> None:
        self._options = options

    def write(self, iterator: Iterator[pa.RecordBatch]) -> TaskMessage:
        """One task: bring its files to their end."""
        # Only here: Spark loads this module into several short planning processes that never upload, and the
        # HTTP client would add a third of a second to the start of each.
        from local_agent.streaming.sending import sender_of_this_process

        started = time.time()
        worker = f"{socket.gethostname()}:{os.getppid()}"  # the daemon that forked us: one per executor
        try:
            result = sender_of_this_process(self._options).send(_files(iterator))
        except SettingsError as error:
            result = TaskResult(error=str(error), blocked=True)
        return TaskMessage(result, started, worker)

    def commit(self, messages: list[WriterCommitMessage | None], batchId: int) -> None:  # noqa: N803 (Spark's)
        """All tasks are through: add up and tell the main process."""
        tasks = [message for message in messages if isinstance(message, TaskMessage)]
        if tasks:
            post_batch(self._options.folders.reports, summary(tasks, batchId))

    def abort(self, messages: list[WriterCommitMessage | None], batchId: int) -> None:  # noqa: N803 (Spark's)
        """A task was killed: its files are still in the inbox, the others were moved; report those."""
        self.commit(messages, batchId)


class DeviceInbox(DataSource):
    """The name under which Spark finds both ends."""

    @classmethod
    def name(cls) -> str:
        """For ``format(...)``."""
        return SOURCE_NAME

    def schema(self) -> str:
        """Names and identities of files."""
        return SCHEMA

    def streamReader(self, schema: StructType) -> InboxReader:  # noqa: N802 (Spark's name)
        """The source."""
        return InboxReader(JobOptions.from_options(self.options))

    def streamWriter(self, schema: StructType, overwrite: bool) -> UploadWriter:  # noqa: N802 (Spark's name)
        """The sink."""
        return UploadWriter(JobOptions.from_options(self.options))


def summary(tasks: list[TaskMessage], batch: int) -> BatchReport:
    """One report from the results of a batch's tasks."""
    results = [task.result for task in tasks]
    latencies = sorted(latency for result in results for latency in result.latencies)
    return BatchReport(
        batch=batch,
        uploaded=sum(result.uploaded for result in results),
        already_there=sum(result.already_there for result in results),
        bytes=sum(result.bytes for result in results),
        rejected=sum(result.rejected for result in results),
        failed=sum(result.failed for result in results),
        skipped=sum(result.skipped for result in results),
        seconds=max(task.ended for task in tasks) - min(task.started for task in tasks),
        oldest_seconds=max(0.0, latencies[-1]) if latencies else 0.0,
        latency_p50=max(0.0, percentile(latencies, 50)),
        latency_p95=max(0.0, percentile(latencies, 95)),
        workers=tuple(sorted({task.worker for task in tasks})),
        error=next((result.error for result in results if result.error), ""),
        blocked=any(result.blocked for result in results),
    )


def percentile(ordered: Sequence[float], rank: int) -> float:
    """Nearest rank: the smallest of the ordered values that at least ``rank`` percent of them do not exceed.

    The definition of the API and of the commands too; a contract test compares. 0 without a value.
    """
    return ordered[-(-len(ordered) * rank // 100) - 1] if ordered else 0.0


def _files(batches: Iterator[pa.RecordBatch]) -> Iterator[tuple[bytes, Identity]]:
    for batch in batches:
        paths, inodes, sizes, times = (column.to_pylist() for column in batch.columns)
        for path, inode, size, mtime_ns in zip(paths, inodes, sizes, times, strict=True):
            yield path, Identity(inode % (1 << 64), size, mtime_ns)
