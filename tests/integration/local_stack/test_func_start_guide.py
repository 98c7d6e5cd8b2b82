"""docs/func-start.md: its loop starts the host again, its settings and its database are the right ones."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from function_app.http_api.health import NEEDED_SCHEMA
from function_app.results import open_result_store
from function_app.settings import read_settings
from local_stack.command_line import VERBS
from local_stack.run.parts import functions_host
from local_stack.state_folder import StateFolder

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "func-start.md").read_text(encoding="utf-8")
VALUES = json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]

# Ends with an error twice, as a host that lost its lease does, then stays until it is told to end.
_FUNC = """#!/bin/sh
echo started >> "$STARTS"
[ "$(wc -l < "$STARTS")" -lt 3 ] && exit 1
exec "$SLEEP" 60
"""


def test_the_guide_tells_the_schedule_that_the_example_has():
    assert f"`SWEEP_SCHEDULE` `{VALUES['SWEEP_SCHEDULE']}`" in GUIDE


def test_links_commands_and_files_of_the_guide_exist():
    for link in re.findall(r"\]\((?!http)([^)#]+)", GUIDE):
        assert (ROOT / "docs" / link).is_file(), link
    assert set(re.findall(r"pipeline\.py (\w[\w-]*)", GUIDE)) <= set(VERBS)
    assert "cp local.settings.json.example local.settings.json" in GUIDE
    assert "func-start.md" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_app_opens_the_very_file_that_migrate_makes(tmp_path, monkeypatch):
    """`pipeline.py migrate` and the example's setting mean one file, from the root of a checkout."""
    assert VALUES["SQL_CONNECTION_STRING"].removeprefix("sqlite:///") in GUIDE
    state = StateFolder(tmp_path / ".local")
    state.create()
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    up = [sys.executable, "-m", "sql_migrations", "up", "--database", f"sqlite:///{state.database}"]
    subprocess.run(up, cwd=tmp_path, env=environ, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    store = open_result_store(read_settings(VALUES))
    assert store.ping().schema_version >= NEEDED_SCHEMA


def test_the_stack_sweeps_every_minute_on_core_tools_too_unless_the_user_says_otherwise(tmp_path):
    state = StateFolder(tmp_path)
    on_func = functions_host(state, "func", 7071, {"A": "1"})
    assert on_func.environment["SWEEP_SCHEDULE"] == VALUES["SWEEP_SCHEDULE"]
    assert functions_host(state, "func", 7071, {"SWEEP_SCHEDULE": "x"}).environment["SWEEP_SCHEDULE"] == "x"
    assert "SWEEP_SCHEDULE" not in functions_host(state, "embedded", 7071, {}).environment


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not on PATH")
def test_the_loop_starts_the_host_again_and_ctrl_c_ends_it(tmp_path):
    [loop] = re.findall(r"```bash\n(.*?)```", GUIDE, re.S)
    starts = tmp_path / "starts"
    for name, text in {"func": _FUNC, "sleep": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environ = {**os.environ, "STARTS": str(starts), "SLEEP": str(shutil.which("sleep")),
               "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}  # fmt: skip
    shell = subprocess.Popen(
        ["bash", "-c", loop], env=environ, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 20
        while not starts.exists() or len(starts.read_text().splitlines()) < 3:
            assert time.monotonic() < deadline, "the loop did not start it a third time"
            time.sleep(0.05)
        os.killpg(shell.pid, signal.SIGINT)  # as a terminal does: to everyone in the foreground
        told, _ = shell.communicate(timeout=10)
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
    assert told.count("ended with exit code 1; again in 5 seconds") == 2
    assert len(starts.read_text().splitlines()) == 3
