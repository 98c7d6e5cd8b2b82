"""`doctor` names each thing that is missing or misconfigured, with its remedy."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from local_stack.install import doctor_checks, environment, runtimes
from local_stack.install.findings import Finding
from local_stack.operate import doctor


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder instead of this checkout."""
    monkeypatch.setattr(doctor_checks, "PROJECT_ROOT", tmp_path)
    monkeypatch.setattr(environment, "VENV", tmp_path / ".venv")
    return tmp_path


def test_a_missing_host_json_is_a_problem(project: Path) -> None:
    level, finding, remedy = doctor_checks.host_json()
    assert level == "problem"
    assert "host.json is missing" in finding
    assert "git checkout" in remedy


def test_settings_that_are_no_json_are_named_with_the_line(project: Path) -> None:
    (project / "local.settings.json").write_text('{"Values": {,}}')
    level, finding, _ = doctor_checks.local_settings()
    assert level == "problem"
    assert "line 1" in finding


def test_a_setting_of_the_example_that_is_missing_is_named(project: Path) -> None:
    (project / "local.settings.json").write_text('{"Values": {"A": "1"}}')
    (project / "local.settings.json.example").write_text('{"Values": {"A": "1", "TASKHUB_NAME": "x"}}')
    level, finding, _ = doctor_checks.local_settings()
    assert level == "note"
    assert "TASKHUB_NAME" in finding


def test_a_full_disk_is_a_problem(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage:
        free = 100_000_000

    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage())
    level, finding, remedy = doctor_checks.disk()
    assert (level, finding) == ("problem", "only 100 MB free")
    assert "3,000 MB" in remedy


def test_no_java_and_no_node_are_only_notes_because_pypi_has_both(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtimes, "find_java", lambda: None)
    monkeypatch.setattr(runtimes, "find_node", lambda: None)
    assert doctor_checks.java()[0] == "note"
    assert doctor_checks.node()[0] == "note"


def test_core_tools_that_do_not_run_are_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "func"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    level, finding, remedy = doctor_checks.core_tools()
    assert level == "problem"
    assert "ends with 3" in finding
    assert "--host embedded" in remedy


def test_a_proxy_that_would_swallow_loopback_traffic_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert doctor_checks.proxy()[0] == "problem"
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    assert doctor_checks.proxy()[0] == "ok"


def test_a_clock_before_2025_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert doctor_checks.clock()[0] == "problem"


def test_a_check_that_cannot_run_is_a_finding_and_not_a_traceback() -> None:
    def broken() -> Finding:
        raise PermissionError("no entry")

    ((check, finding),) = doctor.examine([("folder", broken)])
    assert (finding.level, check) == ("problem", "folder")
    assert "no entry" in finding.finding


def test_every_problem_and_every_note_has_a_remedy() -> None:
    for _, finding in doctor.examine(doctor_checks.CHECKS):
        assert finding.level == "ok" or finding.remedy, finding


@pytest.mark.parametrize(
    ("pyodbc", "level", "words"),
    [
        (
            "drivers = lambda: ['FreeTDS', 'ODBC Driver 18 for SQL Server']",
            "ok",
            "ODBC Driver 18 for SQL Server",
        ),
        ("drivers = lambda: ['FreeTDS']", "problem", "no ODBC driver"),
        ("raise ImportError('libodbc.so.2')", "problem", "pyodbc does not load"),
    ],
)
def test_driver_that_the_app_would_take_is_asked_of_the_app_s_own_code(
    pyodbc: str, level: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyodbc.py").write_text(f"pooling = True\n{pyodbc}\n")
    (tmp_path / "mssql_python_odbc.py").write_text("raise ImportError\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("SQL_CONNECTION_STRING", "Server=s")
    found = doctor_checks.database()
    assert found[0] == level
    assert words in found[1]
    assert bool(found[2]) == (level == "problem")
