"""The main loop: keeps the streaming query alive, turns its reports into lines, status and exit code."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from enum import IntEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from local_agent.agent.housekeeping import Housekeeper, ensure_container_in_background
from local_agent.agent.lock import FolderLock
from local_agent.agent.metrics import serve_metrics
from local_agent.agent.settings import UploadSettings
from local_agent.agent.status import AgentStatus, LiveLine, batch_line
from local_agent.errors import TransientError, delay_seconds
from local_agent.reports import log_line, read_listing, take_batches
from local_agent.streaming.session import start_query, start_spark, stop_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

_TICK_SECONDS = 0.2
_STATUS_SECONDS = 1.0
_FINISH_SECONDS = 5.0  # of the ten a SIGTERM allows; the rest is for Spark's own end
_ONCE_FAILURES = 3


class ExitCode(IntEnum):
    """What the process ends with; documented in docs/local-agent.md."""

    OK = 0
    FAILED = 1
    USAGE = 2
    FILES_LEFT = 3
    ALREADY_RUNNING = 4


class StopRequestedError(BaseException):
    """A signal arrived while Spark was being started, which cannot be waited for."""


class SparkLostError(TransientError):
    """The JVM ended under the agent; nothing is lost, a new agent goes on."""


class Supervisor:
    """One run of ``upload``. Raises AgentRunningError and SettingsError before anything is touched."""

    def __init__(self, settings: UploadSettings) -> None:
        self._settings = settings
        self._folders = settings.job.folders
        self._status = AgentStatus()
        self._housekeeper = Housekeeper(settings)
        self._live = LiveLine() if settings.progress else None
        self._stopping = self._starting = False
        self._next_status = 0.0

    def run(self) -> ExitCode:
        """Serve the folder until stopped, or (``--once``) until it is empty; the exit code says how it ended."""
        self._folders.create()
        with FolderLock(self._folders.state / "lock"):
            self._folders.stop_request.unlink(missing_ok=True)
            for stale in self._folders.reports.glob("*.json"):
                stale.unlink(missing_ok=True)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self._on_signal)
            return self._serve()

    def _serve(self) -> ExitCode:
        started = time.monotonic()
        self._write_status(force=True)
        if self._settings.metrics_port is not None:
            serve_metrics(self._settings.metrics_port, self._status.as_json)
        if self._settings.create_container:
            ensure_container_in_background(self._settings.job.container)
        spark = None
        code = ExitCode.FAILED
        try:
            self._starting = True
            spark = start_spark(self._settings.master, self._settings.runtime)
            self._starting = False
            for number in (signal.SIGINT, signal.SIGTERM):  # Spark puts its own in place
                signal.signal(number, self._on_signal)
            log_line("started", seconds=round(time.monotonic() - started, 2), root=str(self._folders.root))
            code = self._keep_uploading(spark)
        except StopRequestedError:
            code = ExitCode.OK
        except SparkLostError as error:
            self._status.last_error = str(error)
            log_line("failed", error=str(error))
        finally:
            self._starting = False
            self._status.state = "stopping"
            self._write_status(force=True)
            if spark is not None:
                stop_spark(spark)
            self._folders.stop_request.unlink(missing_ok=True)
        if self._live is not None:
            self._live.end()
        self._status.state = "stopped" if code is not ExitCode.FAILED else "failed"
        self._write_status(force=True)
        log_line(
            "stopped", code=int(code), uploaded=self._status.uploaded, waiting=self._status.listing.waiting
        )
        return code

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        with contextlib.suppress(OSError):
            self._folders.stop_request.touch()
        if self._starting:
            raise StopRequestedError

    def _keep_uploading(self, spark: SparkSession) -> ExitCode:
        failures = 0
        while not self._stopping:
            batches_before = self._status.batches
            problem = self._run_query(spark)
            if problem is None:
                break
            failures = 1 if self._status.batches > batches_before else failures + 1
            self._status.last_error = problem
            log_line("query_failed", failures=failures, error=problem)
            if failures == 2:
                self._put_checkpoint_aside()
            if self._settings.once and failures >= _ONCE_FAILURES:
                return ExitCode.FAILED
            self._wait(delay_seconds(failures, random.random(), first=1.0))  # noqa: S311 (spreads retries)
        left = self._settings.once and bool(self._status.last_error)
        return ExitCode.FILES_LEFT if left else ExitCode.OK

    def _run_query(self, spark: SparkSession) -> str | None:
        """Run the query until it ends; None if it ended as wished, else what went wrong, in one line."""
        from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]
        from pyspark.errors import PySparkException

        try:
            query = start_query(
                spark, self._settings.job, self._settings.checkpoint, once=self._settings.once
            )
            if self._status.state == "starting":
                self._status.state = "running"
            while not self._stopping and query.isActive:
                self._tick()
                time.sleep(_TICK_SECONDS)
            if self._stopping:
                self._finish(query)
            problem = query.exception()
            return None if problem is None or self._stopping else _first_line(problem)
        except (PySparkException, Py4JJavaError) as error:
            return None if self._stopping else _first_line(error)
        except (Py4JError, ConnectionError, EOFError) as error:
            if self._stopping:
                return None
            raise SparkLostError(
                f"Spark's JVM is gone ({type(error).__name__}); start the agent again"
            ) from None
        finally:
            self._tick()

    def _finish(self, query: StreamingQuery) -> None:
        """Let the batch that is under way end: tasks stop taking files, no new batch begins."""
        self._status.state = "stopping"
        deadline = time.monotonic() + _FINISH_SECONDS
        while query.isActive and time.monotonic() < deadline:
            if not query.status["isTriggerActive"]:
                break
            self._tick()
            time.sleep(0.05)
        query.stop()

    def _tick(self) -> None:
        for batch in take_batches(self._folders.reports):
            self._status.add_batch(batch)
            print(batch_line(batch, self._status.listing), flush=True)
        self._status.add_listing(read_listing(self._folders.reports))
        self._write_status()
        self._housekeeper.tick()
        if self._live is not None:
            self._live.show(self._status.as_json())

    def _write_status(self, *, force: bool = False) -> None:
        now = time.monotonic()
        if force or now >= self._next_status:
            self._next_status = now + _STATUS_SECONDS
            with contextlib.suppress(OSError):  # a full disk must not end the agent
                self._status.write(self._settings.status_file, disk=self._housekeeper.room.value)

    def _put_checkpoint_aside(self) -> None:
        """Twice failed without a batch: the checkpoint may be damaged, and the folder knows all it knew."""
        checkpoint: Path = self._settings.checkpoint
        if checkpoint.exists():
            aside = checkpoint.with_name(f"{checkpoint.name}.damaged-{int(time.time())}")
            with contextlib.suppress(OSError):
                checkpoint.rename(aside)
                log_line("checkpoint_set_aside", folder=str(aside), note="may be deleted; nothing is lost")

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < until:
            self._write_status()
            time.sleep(_TICK_SECONDS)


def _first_line(error: Exception) -> str:
    """Spark's errors run over pages; their first two lines say what happened."""
    text = str(error).strip() or type(error).__name__
    return " ".join(text.splitlines()[:2])[:500]
