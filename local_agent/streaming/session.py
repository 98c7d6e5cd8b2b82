"""Starts Spark for one small, long-running job, and ends it with nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_agent.streaming.java import class_archive, find_java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

    from local_agent.streaming.job_options import JobOptions

PROJECT_ROOT = Path(__file__).resolve().parents[2]
_PYTHON_START = Path(__file__).with_name("python_start")
_LOGGING = Path(__file__).with_name("log4j2.properties")

# Spark's defaults are made for a data centre: with them 5,000 files reached Azurite at 206 a second, without at 665.
_TUNING = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",  # the plan is two steps of Python: nothing to compile
    "spark.python.worker.reuse": "true",
    "spark.python.daemon.module": "local_agent.streaming.worker_daemon",
    "spark.sql.streaming.minBatchesToRetain": "2",  # keeps the checkpoint at a few files for ever
    "spark.sql.streaming.numRecentProgressUpdates": "2",
    "spark.sql.streaming.pollingDelay": "20ms",
    "spark.sql.streaming.stopTimeout": "5s",
    "spark.sql.ui.retainedExecutions": "5",
    "spark.ui.retainedJobs": "5",
    "spark.ui.retainedStages": "5",
    "spark.ui.retainedTasks": "20",
    "spark.driver.memory": "512m",
}
COLLECTOR = "-XX:+UseSerialGC"  # an archive of classes (agent.class_archive) is made for one collector
# One JIT level and one collector thread, a heap that begins small and gives back what it does not need: half the
# memory, and less processor time for a job this small. Some JDKs move the archive of classes to a random address,
# which writes to each of its pages: left where it was made for, two thirds stay pages of the file (a JDK
# without that switch passes over it). Only errors are logged: an archive that no longer fits is passed over in silence.
_JVM_OPTIONS = (
    f"-XX:TieredStopAtLevel=1 {COLLECTOR} -XX:+PerfDisableSharedMem -Xms48m -XX:MaxNewSize=16m "
    "-XX:+IgnoreUnrecognizedVMOptions -XX:+UnlockDiagnosticVMOptions -XX:ArchiveRelocationMode=0 "
    "-XX:MinHeapFreeRatio=10 -XX:MaxHeapFreeRatio=40 -Xlog:disable -Xlog:all=error:stderr"
)


def start_spark(master: str, runtime: Path, *, java_options: str | None = None) -> SparkSession:
    """A Spark session for the upload job; ``runtime`` takes the Java launcher and Spark's scratch files.

    ``java_options`` stand in place of the archive of classes that is otherwise used where ``prepare`` made one.
    Raises SettingsError when there is no Java.
    """
    java = find_java(runtime)
    if java_options is None:
        archive = class_archive(java)
        java_options = f"-XX:SharedArchiveFile={archive}" if archive.is_file() else ""
    os.environ["JAVA_HOME"] = str(java.home)
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    # pyarrow's own allocator takes 6 MB ahead in each worker, for batches that here are lists of file names.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # Python workers import this package: they are started by the JVM, not by us.
    search = [str(PROJECT_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    if master.startswith("local"):  # on a cluster the workers' Spark may be another than the installed one
        search.insert(0, str(_PYTHON_START))
    os.environ["PYTHONPATH"] = os.pathsep.join(search)
    runtime.mkdir(parents=True, exist_ok=True)

    from pyspark import SparkConf, SparkContext, java_gateway
    from pyspark.sql import SparkSession

    launch: Any = java_gateway.launch_gateway  # untyped in pyspark
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # spark-submit: the JVM is already there, and its master counts
        gateway = launch()
        conf = SparkConf(_jvm=gateway.jvm)
        master = conf.get("spark.master", master) or master
    else:
        # A session of its own: a signal to our process group (Ctrl-C, `timeout`, a service manager) is for us
        # to handle; the JVM ends when its standard input closes, which happens however this process ends.
        first = SparkConf(loadDefaults=False).setAll(_configuration(master, runtime, java_options))
        with _ended_if_interrupted(java_gateway):
            gateway = launch(first, popen_kwargs={"start_new_session": os.name != "nt"})
        conf = SparkConf(loadDefaults=False, _jvm=gateway.jvm)
    conf.setAll(_configuration(master, runtime, java_options))
    context = SparkContext(gateway=gateway, conf=conf)
    return SparkSession(context)


@contextlib.contextmanager
def _ended_if_interrupted(java_gateway: Any) -> Iterator[None]:
    """A JVM that is still starting does not watch its standard input yet: if we are stopped now, we end it."""
    started: list[subprocess.Popen[bytes]] = []

    def popen(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen(*arguments, **options))
        return started[-1]

    original, java_gateway.Popen = java_gateway.Popen, popen
    try:
        yield
    except BaseException:
        for process in started:
            if sys.platform == "win32":
                process.kill()
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # a session of its own: the launcher and its JVM
            process.wait()
        raise
    finally:
        java_gateway.Popen = original


def _configuration(master: str, runtime: Path, java_options: str) -> list[tuple[str, str]]:
    logging = f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}"
    settings = _TUNING | {
        "spark.master": master,
        "spark.app.name": "image-upload",
        "spark.sql.warehouse.dir": (runtime / "warehouse").as_uri(),
        "spark.driver.extraJavaOptions": f"{_JVM_OPTIONS} {java_options} {logging}",
    }
    if master.startswith("local"):
        settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    else:
        settings |= {
            "spark.executorEnv.PYTHONPATH": os.environ["PYTHONPATH"],
            "spark.executor.memory": "512m",
            "spark.executor.cores": "1",
        }
    return list(settings.items())


def start_query(spark: SparkSession, options: JobOptions, checkpoint: Path, *, once: bool) -> StreamingQuery:
    """Start the upload job: from the inbox to the service, in micro-batches, until stopped or (once) drained."""
    from local_agent.streaming.job_options import OPTION
    from local_agent.streaming.upload_sink import SOURCE_NAME, DeviceInbox

    spark.dataSource.register(DeviceInbox)
    stream = spark.readStream.format(SOURCE_NAME).option(OPTION, options.as_option()).load()
    writer = (
        stream.writeStream.format(SOURCE_NAME)
        .queryName("image-upload")
        .option(OPTION, options.as_option())
        .option("checkpointLocation", checkpoint.as_uri())
    )
    return (writer.trigger(availableNow=True) if once else writer.trigger(processingTime="0 seconds")).start()


def stop_spark(spark: SparkSession, seconds: float = 3.0) -> None:
    """End Spark and see to it that its JVM is gone; Python workers end with the JVM."""
    gateway: Any = spark.sparkContext._gateway
    process: subprocess.Popen[bytes] | None = getattr(gateway, "proc", None)
    with contextlib.suppress(Exception):  # py4j raises anything once its JVM is going
        spark.stop()
    with contextlib.suppress(Exception):
        gateway.shutdown()
    if process is None:
        return
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()  # the JVM ends when its standard input does
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
