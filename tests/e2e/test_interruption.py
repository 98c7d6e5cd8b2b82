"""Ctrl-C at any moment leaves no process behind, and the next `up` finishes what was under way."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
Pipeline = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


@pytest.fixture(autouse=True)
def _ctrl_c_reaches_children() -> Iterator[None]:
    """A shell starts what it puts in the background with SIGINT ignored, and so would all that we start."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def started(environment: dict[str, str], *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "pipeline.py"), *words],
        cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def living(processes: list[psutil.Process]) -> list[str]:
    _, alive = psutil.wait_procs(processes, timeout=5)
    return [
        " ".join(process.cmdline())[:200] for process in alive if process.status() != psutil.STATUS_ZOMBIE
    ]


# Moments from the first second (Azurite starting) to the middle of the flow; the seed is fixed so that a
# failure repeats.
@pytest.mark.parametrize("seconds", [0.6, round(random.Random(5).uniform(2, 6), 1), 14.0])
def test_ctrl_c_leaves_no_process_behind(environment: dict[str, str], seconds: float) -> None:
    with started(environment, "demo", "--images", "400", "--rate", "40", "--bad", "2") as demo:
        seen: set[psutil.Process] = set()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            seen.update(descendants(demo.pid))
            time.sleep(0.1)
        seen.update(descendants(demo.pid))
        demo.send_signal(signal.SIGINT)
        demo.wait(45)
        assert demo.returncode == 130
        assert living(list(seen)) == []


def test_up_afterwards_finishes_what_was_under_way(
    environment: dict[str, str], pipeline: Pipeline, state_folder: Path
) -> None:
    with started(environment, "up"):
        url = _url(state_folder)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            inbox = [
                path for path in (state_folder / "device/inbox").iterdir() if not path.name.startswith(".")
            ]
            audit = pipeline("audit", "--json") if not inbox else None
            if audit is not None and json.loads(audit.stdout)["waiting"] == 0:
                break
            time.sleep(1)
        assert audit is not None, "files were left in the inbox"
        balance = json.loads(audit.stdout)
        assert audit.returncode == 0, balance
        assert (balance["waiting"], balance["lost"], balance["duplicate_rows"], balance["wrong_sums"]) == (
            0,
            0,
            0,
            0,
        )
        _every_known_run_answers(url, pipeline)


def _every_known_run_answers(url: str, pipeline: Pipeline) -> None:
    with urllib.request.urlopen(f"{url}/api/runs?limit=1", timeout=10) as answer:
        run = json.load(answer)["runs"][0]
    by_id, by_blob = pipeline("status", run["run_id"]), pipeline("status", run["blob_name"])
    assert (by_id.returncode, by_blob.returncode) == (0, 0)
    assert run["run_id"] in by_id.stdout
    assert run["run_id"] in by_blob.stdout
    with pytest.raises(urllib.error.HTTPError) as unknown:
        urllib.request.urlopen(f"{url}/api/runs/{'0' * 32}", timeout=10)
    assert unknown.value.code == 404
    assert pipeline("status", "0" * 32).returncode == 1


def _url(state_folder: Path) -> str:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            url = json.loads((state_folder / "running.json").read_text())["url"]
            with urllib.request.urlopen(f"{url}/admin/host/ping", timeout=2):
                return str(url)
        except (OSError, ValueError):
            time.sleep(0.3)
    raise AssertionError("up did not come up")


def test_a_second_pipeline_on_the_same_state_is_refused(
    environment: dict[str, str], state_folder: Path
) -> None:
    with started(environment, "up"):
        _url(state_folder)
        second = subprocess.run(
            [sys.executable, str(ROOT / "pipeline.py"), "up"],
            cwd=ROOT, env=dict(os.environ) | environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert second.returncode == 2
    assert "already up" in second.stderr
