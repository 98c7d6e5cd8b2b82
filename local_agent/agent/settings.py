"""The uploader's settings, from flags and AGENT_* variables; credentials are only ever looked up, not kept."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_agent.blob_contract import is_device_id
from local_agent.errors import SettingsError
from local_agent.folder.completeness import Contract
from local_agent.folder.selection import Order
from local_agent.storage.account import open_account
from local_agent.streaming.job_options import JobOptions


@dataclass(frozen=True)
class UploadSettings:
    """Everything ``upload`` needs besides the credentials. ``retain_days`` None keeps done files for ever."""

    job: JobOptions
    checkpoint: Path
    status_file: Path
    runtime: Path
    master: str
    once: bool = False
    create_container: bool = True
    retain_days: float | None = None
    disk_warn_percent: float = 80.0
    disk_full_percent: float = 95.0
    when_full: str = "pause"
    metrics_port: int | None = None
    progress: bool = False


def add_upload_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of ``upload``; each default is the variable named in its help."""
    add = parser.add_argument
    add("--root", type=Path, help="the device's folder, which holds inbox/, done/ and rejected/ [AGENT_ROOT]")
    add(
        "--checkpoint",
        type=Path,
        help="Spark's checkpoint, which may be deleted at any time (default ROOT/.agent/checkpoint)",
    )
    add("--device-id", help="first part of every blob name: [a-z0-9][a-z0-9-]{0,62} [AGENT_DEVICE_ID]")
    add("--container", help="container for the images [AGENT_CONTAINER] (default img)")
    add("--once", action="store_true", help="upload what is there and exit, for cron and Task Scheduler")
    add("--status-file", type=Path, help="default ROOT/.agent/status.json")
    add("--contract", choices=[item.value for item in Contract], default=Contract.RENAME.value,
        help="how the device signals that a file is complete (default rename)")  # fmt: skip
    add(
        "--settle-seconds",
        type=float,
        default=5.0,
        help="with --contract stable, and for empty files: how long a file must not change (default 5)",
    )
    add("--max-bytes", type=int, default=JobOptions.max_bytes, help="reject larger files (default 1 MiB)")
    add("--order", choices=[item.value for item in Order], default=Order.OLDEST_FIRST.value)
    add("--files-per-batch", type=int, default=JobOptions.files_per_batch)
    add("--connections", type=int, default=JobOptions.connections, help="parallel uploads per task")
    add("--parallelism", type=int, help="tasks per micro-batch (default: the cores, at most 4)")
    add(
        "--bytes-per-second",
        type=int,
        default=0,
        help="bandwidth limit for all tasks together; 0: none (default)",
    )
    add(
        "--delete-done",
        action="store_true",
        help="delete acknowledged files instead of keeping them in done/",
    )
    add("--retain-days", type=float, help="delete files from done/ after this many days (default: keep them)")
    add("--disk-warn-percent", type=float, default=80.0)
    add("--disk-full-percent", type=float, default=95.0)
    add("--when-full", choices=["pause", "drop-oldest"], default="pause",
        help="pause: ask the device to stop, by a file named PAUSE; drop-oldest: delete the oldest files")  # fmt: skip
    add("--no-create-container", action="store_true", help="do not create a missing container")
    add("--metrics-port", type=int, help="serve Prometheus metrics on 127.0.0.1:PORT")
    add("--progress", action="store_true", help="show progress in the terminal")
    add("--master", help="Spark master [AGENT_SPARK_MASTER] (default local[parallelism])")
    add(
        "--runtime-dir",
        type=Path,
        help="folder for the Java launcher and scratch files (default ROOT/.agent/runtime)",
    )


def upload_settings(given: argparse.Namespace, environment: Mapping[str, str] = os.environ) -> UploadSettings:
    """Check and complete what was given. Raises SettingsError, which names the setting and the remedy."""
    root = given.root or (Path(environment["AGENT_ROOT"]) if environment.get("AGENT_ROOT") else None)
    if root is None:
        raise SettingsError("no device folder given: use --root DIR or set AGENT_ROOT")
    device_id = given.device_id or environment.get("AGENT_DEVICE_ID", "")
    if not is_device_id(device_id):
        raise SettingsError(
            f"device id '{device_id}' is not usable: --device-id or AGENT_DEVICE_ID needs 1 to 63 of a-z, 0-9 and -, "
            "not starting with -"
        )
    for name in ("files_per_batch", "connections", "max_bytes"):
        if getattr(given, name) < 1:
            raise SettingsError(f"--{name.replace('_', '-')} must be at least 1")
    if not 0 < given.disk_warn_percent <= given.disk_full_percent <= 100:
        raise SettingsError("--disk-warn-percent must lie below --disk-full-percent, both up to 100")
    container = given.container or environment.get("AGENT_CONTAINER") or "img"
    open_account(environment, container)
    root = root.resolve()
    parallelism = given.parallelism or min(4, os.cpu_count() or 1)
    job = JobOptions(
        root=str(root), device_id=device_id, container=container, contract=given.contract,
        settle_seconds=given.settle_seconds, max_bytes=given.max_bytes, order=given.order,
        files_per_batch=given.files_per_batch, parallelism=parallelism, connections=given.connections,
        bytes_per_second=given.bytes_per_second, keep_done=not given.delete_done,
    )  # fmt: skip
    state = job.folders.state
    return UploadSettings(
        job=job,
        checkpoint=(given.checkpoint or state / "checkpoint").resolve(),
        status_file=given.status_file or state / "status.json",
        runtime=(given.runtime_dir or state / "runtime").resolve(),
        master=given.master or environment.get("AGENT_SPARK_MASTER") or f"local[{parallelism}]",
        once=given.once,
        create_container=not given.no_create_container,
        retain_days=given.retain_days,
        disk_warn_percent=given.disk_warn_percent,
        disk_full_percent=given.disk_full_percent,
        when_full=given.when_full,
        metrics_port=given.metrics_port,
        progress=given.progress,
    )
