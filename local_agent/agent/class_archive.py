"""``prepare``: archive the classes that Spark loads, once for each Python environment.

A JVM reads and verifies some 12,000 classes before Spark does anything. From an archive of them (class data
sharing, part of every JDK) it maps them in, which halves the time from the agent's start to its first uploaded
file (docs/benchmarks-upload.md). The JVM checks the archive against its class path and passes over one that does
not fit: a start can become slower again, never wrong.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

from local_agent.errors import TransientError
from local_agent.reports import log_line, take_batches
from local_agent.storage.account import ACCOUNT_URL, CONNECTION_STRING, SAS_URL
from local_agent.streaming.java import class_archive, find_java
from local_agent.streaming.job_options import JobOptions
from local_agent.streaming.session import COLLECTOR, start_query, start_spark, stop_spark

_NO_SERVICE = "http://127.0.0.1:9/nothing?sv=none"  # the discard port: refused at once, on this computer
_BATCH_SECONDS = 120.0
_DUMP_SECONDS = 300.0


def make_class_archive(*, only_if_missing: bool = False) -> Path:
    """Run one micro-batch to see which classes it loads and archive these; gives the archive's path.

    Takes about half a minute. Raises SettingsError without a Java, TransientError when Java or Spark fail.
    """
    with tempfile.TemporaryDirectory(prefix="agent-prepare-", ignore_cleanup_errors=True) as folder:
        place = Path(folder).resolve()
        java = find_java(place / "runtime")
        archive = class_archive(java)
        if only_if_missing and archive.is_file():
            return archive
        started = time.monotonic()
        log_line("preparing", java=java.origin)
        listed = place / "classes.txt"
        class_path = _list_classes(place, listed)
        log_line("classes_listed", seconds=round(time.monotonic() - started, 1))
        _dump(java.binary, listed, class_path, archive)
        log_line("prepared", file=str(archive), seconds=round(time.monotonic() - started, 1))
    return archive


def _list_classes(place: Path, listed: Path) -> str:
    """Upload one file to nowhere while the JVM notes the classes it loads; gives the JVM's class path."""
    for name in (CONNECTION_STRING, ACCOUNT_URL):
        os.environ.pop(name, None)
    os.environ[SAS_URL] = _NO_SERVICE
    job = JobOptions(root=str(place / "device"), device_id="prepare", parallelism=1, connections=1)
    job.folders.create()
    (job.folders.inbox / "image.png").write_bytes(b"not sent")
    spark = start_spark(
        "local[1]", place / "runtime", java_options=f"-Xshare:auto -XX:DumpLoadedClassList={listed}"
    )
    try:
        query = start_query(spark, job, place / "checkpoint", once=False)
        deadline = time.monotonic() + _BATCH_SECONDS
        while query.isActive and not any(take_batches(job.folders.reports)):
            if time.monotonic() > deadline:
                raise TransientError(f"no micro-batch ended within {_BATCH_SECONDS:.0f} s; try again")
            time.sleep(0.1)
        problem = query.exception()
        if problem is not None:
            raise TransientError(f"Spark failed: {str(problem).strip().splitlines()[0]}")
        jvm = spark.sparkContext._gateway.jvm  # type: ignore[union-attr]
        return str(jvm.java.lang.System.getProperty("java.class.path"))
    finally:
        job.folders.stop_request.touch()
        stop_spark(spark, seconds=20.0)


def _dump(java: Path, listed: Path, class_path: str, archive: Path) -> None:
    """Write the archive under another name first: a JVM that starts meanwhile sees a whole one or none."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    unfinished = archive.with_name(f".{archive.name}.{os.getpid()}")
    arguments = listed.with_name("dump.arguments")  # a class path is longer than Windows' command lines
    quoted = told_apart(class_path).replace("\\", "\\\\").replace('"', '\\"')
    arguments.write_text(f'-cp "{quoted}"\n', encoding="utf-8")
    try:
        finished = subprocess.run(
            [java, "-Xshare:dump", f"-XX:SharedClassListFile={listed}", f"-XX:SharedArchiveFile={unfinished}",
             COLLECTOR, f"@{arguments}"],
            capture_output=True, text=True, errors="replace", timeout=_DUMP_SECONDS, check=False,
        )  # fmt: skip
        if finished.returncode != 0 or not unfinished.is_file():
            last = (finished.stderr + finished.stdout).strip().splitlines()[-1:]
            raise TransientError(f"Java could not write the class archive: {''.join(last)}")
        unfinished.replace(archive)
    except subprocess.TimeoutExpired:
        raise TransientError(f"Java did not write the class archive within {_DUMP_SECONDS:.0f} s") from None
    finally:
        unfinished.unlink(missing_ok=True)


def told_apart(class_path: str) -> str:
    """The class path with a jar's second mention spelled otherwise (``jars/./x.jar``).

    Spark names slf4j's jar twice, before and among all others. A JDK 21 that writes an archive leaves a repeated
    name out, one that starts does not, and so would find the archive's class path to be another than its own. It
    compares files, not names.
    """
    entries: list[str] = []
    for entry in class_path.split(os.pathsep):
        folder, name = os.path.split(entry)  # noqa: PTH206, RUF100 (the spelling is the point)
        entries.append(os.path.join(folder, ".", name) if entry in entries else entry)  # noqa: PTH118
    return os.pathsep.join(entries)
