"""Canary secrets, after all other faults: in no log, answer, row, metadata, checkpoint, history."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from kit.pictures import grey_png
from kit.pipeline import Canaries, Pipeline, kill
from kit.report import Report

from local_stack.processes import free_ports, wait_until
from local_stack.run import parts

# The host keeps its keys in this file, readable by its owner alone; nowhere else.
_KEY_FILE = "keys.json"
_ROUTES = ("health", "health/ready", "stats", "runs?limit=1000", "runs?state=retrying", "runs/none", "images/none",
           "results.csv", "audit", "openapi.json", "runs?cursor=x", "nothing", "../admin/host/status")  # fmt: skip


def hits(root: Path, secrets: dict[str, bytes]) -> list[str]:
    """Which file below ``root`` holds which secret; key files apart, and what cannot be read."""
    found = []
    for path in root.rglob("*"):
        if path.name == _KEY_FILE or path.is_symlink() or not path.is_file() or path.stat().st_size > 1 << 30:
            continue
        content = path.read_bytes() if os.access(path, os.R_OK) else b""
        found += [f"{name} in {path}" for name, secret in secrets.items() if secret in content]
    return found


def named(canaries: Canaries) -> dict[str, bytes]:
    return {name: secret.encode("ascii") for name, secret in vars(canaries).items()}


def test_the_search_finds_what_is_there(tmp_path: Path) -> None:
    """Otherwise its zero would mean nothing."""
    canaries = named(Canaries.drawn(1))
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.log").write_bytes(b"..." + canaries["sql_password"] + b"...")
    (tmp_path / _KEY_FILE).write_bytes(canaries["function_key"])
    assert hits(tmp_path, canaries) == [f"sql_password in {tmp_path / 'sub' / 'a.log'}"]


@pytest.mark.last
@pytest.mark.timeout(180)
def test_no_secret_is_anywhere(pipeline: Pipeline, report: Report, seed: int) -> None:
    """Account key, function key, webhook key and SQL password, all drawn for this run."""
    _use_the_password(pipeline, seed)
    secrets = named(pipeline.canaries)
    found = hits(pipeline.state.root, secrets)
    arguments = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    # An audit of the thousands of images that a lane leaves takes its time on a busy machine.
    patient = type(pipeline.api)(pipeline.url, key=pipeline.canaries.function_key, timeout=100)
    answers = [str(patient.get(route)) for route in _ROUTES]
    for name, secret in secrets.items():
        text = secret.decode("ascii")
        found += [f"{name} in a process argument" for line in arguments if text in line]
        found += [f"{name} in an answer: {answer[:60]}" for answer in answers if text in answer]
    report.zeros(report.figures(wrong=len(found), notes={"secrets": sorted(secrets)}), found)


def _use_the_password(pipeline: Pipeline, seed: int) -> None:
    """A host whose database is a SQL Server that nobody answers for: its password must be in no complaint."""
    sql_port, port = free_ports(2)
    state = pipeline.state.root / "host-with-password"
    connection = (
        f"Server=tcp:127.0.0.1,{sql_port};Database=images;UID=app;PWD={pipeline.canaries.sql_password};"
    )
    host = pipeline.host_process(state, port, SQL_CONNECTION_STRING=connection, TASKHUB_NAME="WithPassword",
                                 IMAGE_CONTAINER="with-password")  # fmt: skip
    host.start()
    try:
        parts.functions_host_ready(f"http://127.0.0.1:{port}", host)
        _upload(pipeline, "with-password", grey_png(seed))
        api = type(pipeline.api)(f"http://127.0.0.1:{port}", key=pipeline.canaries.function_key, timeout=20)
        # Its steps fail (no server, or not even a driver for one), and whatever is said of that is in its log.
        assert wait_until(lambda: "function=validate_image" in host.log.read_text(errors="replace"), 60)
        for route in ("health", "runs", "stats", "runs?state=retrying"):
            code, body = api.get(route)
            assert pipeline.canaries.sql_password not in str(body)
            assert code != 200 or "state" in route
    finally:
        kill(host)


def _upload(pipeline: Pipeline, container: str, content: bytes) -> None:
    from azure.storage.blob import ContainerClient

    client = ContainerClient.from_connection_string(pipeline.storage, container, api_version="2025-11-05")
    with client:
        client.create_container()
        client.upload_blob("x.png", content)
