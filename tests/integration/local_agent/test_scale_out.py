"""The same job on a standalone Spark cluster of two workers: every file once, and both of them work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest

from local_agent.streaming.java import find_java
from tests.conftest import free_port
from tests.integration.local_agent.agent_kit import ROOT, Storage, drop, eventually

pytestmark = [pytest.mark.spark, pytest.mark.azurite, pytest.mark.timeout(600)]

SPARK = Path(pyspark.__file__).parent


@pytest.fixture
def cluster(tmp_path: Path, storage: Storage) -> Iterator[tuple[str, dict[str, str]]]:
    """A master and two workers of one core each; the credential is in the workers' environment."""
    environment = {
        **os.environ,
        "JAVA_HOME": str(find_java(tmp_path / "java").home),
        "SPARK_HOME": str(SPARK),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "AGENT_STORAGE_CONNECTION_STRING": storage.through_network,
        "PYSPARK_PYTHON": sys.executable,
    }
    master = f"spark://127.0.0.1:{free_port()}"
    started: list[subprocess.Popen[bytes]] = []
    log = (tmp_path / "cluster.log").open("wb")

    def start(name: str, *arguments: str) -> None:
        command = [str(SPARK / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", *arguments]
        started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=tmp_path))

    host, port = "127.0.0.1", master.rpartition(":")[2]
    start("master.Master", "--host", host, "--port", port, "--webui-port", str(free_port()))
    for number in range(2):
        start("worker.Worker", "--host", host, "--cores", "1", "--memory", "600m", "--webui-port", str(free_port()),
              "--work-dir", str(tmp_path / f"worker-{number}"), master)  # fmt: skip
    try:
        text = tmp_path / "cluster.log"
        eventually(
            lambda: text.read_text(errors="replace").count("Registering worker") >= 2, 180, "no workers"
        )
        yield master, environment
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(timeout=20)
        log.close()


def test_both_workers_share_the_work_and_every_file_arrives_once(
    cluster: tuple[str, dict[str, str]], tmp_path: Path, storage: Storage
) -> None:
    master, environment = cluster
    root = tmp_path / "device"
    (root / "inbox").mkdir(parents=True)
    names = sorted(f"file-{number:04d}.png".encode() for number in range(400))
    for name in names:
        drop(root / "inbox", name, name)
    finished = subprocess.run(
        [str(SPARK / "bin" / "spark-submit"), "--master", master, "--conf", "spark.driver.host=127.0.0.1",
         "--conf", "spark.scheduler.minRegisteredResourcesRatio=1.0", "--conf", "spark.cores.max=2",
         str(ROOT / "local_agent" / "submit.py"), "upload", "--root", str(root), "--device-id", "dev-1", "--once",
         "--container", storage.container, "--parallelism", "2"],
        env=environment, capture_output=True, text=True, timeout=360, check=False,
    )  # fmt: skip
    assert finished.returncode == 0, (finished.stdout + finished.stderr)[-3000:]
    assert sorted(blob.source for blob in storage.blobs()) == names
    assert '"workers": 2' in finished.stdout
