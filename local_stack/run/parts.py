"""The parts of the pipeline as commands: what is started, with which settings, and when it is ready."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from local_stack.errors import FAILED, StackError
from local_stack.install import runtimes
from local_stack.processes import ChildProcess, is_listening, log_tail, wait_until
from local_stack.state_folder import PROJECT_ROOT, StateFolder

CONTAINER = "img"
# Microsoft's polling trigger misses blobs written in the second of its last listing (docs/func-start.md).
_SWEEP_OF_CORE_TOOLS = {"SWEEP_SCHEDULE": "0 * * * * *"}
# Azurite by itself forgets up to five seconds of acknowledged uploads when it is killed (docs/adr/0006).
_ACKNOWLEDGE_AFTER_SAVE = PROJECT_ROOT / "local_stack" / "run" / "azurite" / "acknowledge_after_save.cjs"


def azurite(state: StateFolder, blob_port: int, queue_port: int, table_port: int) -> ChildProcess:
    """Microsoft's storage emulator, persisted under the state folder, on loopback only."""
    node = runtimes.node()
    command = [
        node.executable, "--require", str(_ACKNOWLEDGE_AFTER_SAVE),
        str(runtimes.AZURITE_SCRIPT), "--silent", "--disableTelemetry",
        # Core Tools' extensions may speak a newer version than this Azurite knows.
        "--skipApiVersionCheck",
        "--location", str(state.azurite),
        "--blobHost", "127.0.0.1", "--blobPort", str(blob_port),
        "--queueHost", "127.0.0.1", "--queuePort", str(queue_port),
        "--tableHost", "127.0.0.1", "--tablePort", str(table_port),
    ]  # fmt: skip
    return ChildProcess("Azurite", command, os.environ, state.logs / "azurite.log", state.root)


def azurite_ready(ports: tuple[int, ...], process: ChildProcess) -> None:
    """Wait until every service of Azurite accepts connections. Raises StackError if it does not start."""

    def up() -> bool:
        process.check()
        return all(is_listening(port) for port in ports)

    if not wait_until(up, 30):
        raise StackError(
            f"Azurite does not answer. Its log:\n{log_tail(process.log)}", "see the log", exit_code=FAILED
        )


def function_settings(state: StateFolder, storage: str) -> dict[str, str]:
    """The function app's environment on one computer; what the user has set already wins."""
    defaults = {
        "SQL_CONNECTION_STRING": f"sqlite:///{state.database.as_posix()}",
        "TASKHUB_NAME": "ImageScoring",
        "IMAGE_CONTAINER": CONTAINER,
        "BLOB_TRIGGER_SOURCE": "LogsAndContainerScan",
        "PYTHON_THREADPOOL_THREAD_COUNT": "8",
        "FUNCTIONS_HOST_BLOB_POLL_SECONDS": "0.5",
    }
    ours = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureWebJobsStorage": storage,
        "IMAGE_STORAGE": storage,
    }
    return {**defaults, **os.environ, **ours}


def choose_host(wanted: str) -> str:
    """``func`` or ``embedded`` for ``auto|func|embedded``.

    Raises StackError if ``func`` is demanded and cannot be used.
    """
    if wanted == "embedded":
        return "embedded"
    if _core_tools_work():
        return "func"
    if wanted == "func":
        raise StackError(
            "Azure Functions Core Tools were asked for (--host func), but `func --version` does not run.",
            "install Azure Functions Core Tools v4, or use --host embedded",
        )
    return "embedded"


def functions_host(state: StateFolder, kind: str, port: int, environment: dict[str, str]) -> ChildProcess:
    """The function app on Core Tools or on the embedded host."""
    if kind == "func":
        command = [shutil.which("func") or "func", "start", "--port", str(port)]
        environment = {**_SWEEP_OF_CORE_TOOLS, **environment}
    else:
        command = [sys.executable, "-m", "functions_host", "start", "--root", str(PROJECT_ROOT),
                   "--port", str(port), "--state", str(state.host)]  # fmt: skip
    return ChildProcess("The functions host", command, environment, state.logs / "host.log", PROJECT_ROOT)


def functions_host_ready(url: str, process: ChildProcess, seconds: float = 120) -> None:
    """Wait until the host answers its ping. Raises StackError if it ends or stays silent."""

    def up() -> bool:
        process.check()
        try:
            with urllib.request.urlopen(f"{url}/admin/host/ping", timeout=2) as answer:  # noqa: S310 (loopback)
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    if not wait_until(up, seconds):
        raise StackError(
            f"The functions host does not answer at {url}.", f"see {process.log}", exit_code=FAILED
        )


def migrate(environment: dict[str, str], log: Path) -> None:
    """Bring the database to the newest schema. Raises StackError with what the runner said."""
    finished = subprocess.run(
        [sys.executable, "-m", "sql_migrations", "up"], cwd=PROJECT_ROOT, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    log.write_text(finished.stdout + finished.stderr, encoding="utf-8")
    if finished.returncode != 0:
        raise StackError(
            f"The migrations failed: {(finished.stderr or finished.stdout).strip()}",
            "run `python3 pipeline.py migrate status`; nothing was dropped",
            exit_code=FAILED,
        )


def agent(state: StateFolder, storage: str, device_id: str) -> ChildProcess:
    """The Spark uploader on the local device folder."""
    environment = {**os.environ, "AGENT_STORAGE_CONNECTION_STRING": storage, "AGENT_CONTAINER": CONTAINER}
    command = [
        sys.executable, "-m", "local_agent", "upload", "--root", str(state.device),
        "--checkpoint", str(state.checkpoint), "--device-id", device_id, "--status-file", str(state.agent_status),
    ]  # fmt: skip
    return ChildProcess("The agent", command, environment, state.logs / "agent.log", PROJECT_ROOT)


def agent_ready(state: StateFolder, process: ChildProcess, seconds: float = 120) -> None:
    """Wait until the agent's status file says that this very process watches the folder."""

    def up() -> bool:
        process.check()
        status = agent_status(state)
        return status.get("pid") == process.pid and status.get("state") == "running"

    if not wait_until(up, seconds, interval=0.2):
        raise StackError(
            "The agent does not report that it is running.", f"see {process.log}", exit_code=FAILED
        )


def agent_status(state: StateFolder) -> dict[str, object]:
    """What the agent last said of itself; empty if it has said nothing yet."""
    try:
        status = json.loads(state.agent_status.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


def _core_tools_work() -> bool:
    if shutil.which("func") is None:
        return False
    try:
        return (
            subprocess.run(["func", "--version"], capture_output=True, timeout=30, check=False).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
