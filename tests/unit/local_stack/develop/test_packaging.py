"""The package's shape, on a small app without dependencies."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from local_stack.develop import packaging
from local_stack.develop.packaging import build_package
from local_stack.errors import StackError


@pytest.fixture
def app(tmp_path: Path) -> Path:
    root = tmp_path / "app"
    (root / "tests").mkdir(parents=True)
    files = {"host.json": "{}", "host.dts.json": '{"dts": 1}', "requirements.txt": "", "function_app.py": "",
             ".funcignore": "tests\nhost.dts.json", "tests/test_a.py": "", "local.settings.json": "{}"}  # fmt: skip
    for name, text in files.items():
        (root / name).write_text(text)
    return root


def test_package_holds_what_is_published_and_nothing_else(app, tmp_path):
    report = build_package(app, tmp_path / "out" / "a.zip", "3.13", dependencies=False)
    with zipfile.ZipFile(report.path) as archive:
        assert archive.namelist() == ["function_app.py", "host.json", "requirements.txt"]
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100666}
        assert {entry.create_system for entry in archive.infolist()} == {3}
    assert report.size == (tmp_path / "out" / "a.zip").stat().st_size


def test_the_same_files_give_the_same_bytes(app, tmp_path):
    first = build_package(app, tmp_path / "a.zip", "3.13", dependencies=False)
    (app / "host.json").touch()
    second = build_package(app, tmp_path / "b.zip", "3.13", dependencies=False)
    assert first.sha256 == second.sha256


def test_another_host_file_takes_the_place_of_host_json(app, tmp_path):
    build_package(app, tmp_path / "a.zip", "3.13", host_file="host.dts.json", dependencies=False)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert json.loads(archive.read("host.json")) == {"dts": 1}
        assert "host.dts.json" not in archive.namelist()


@pytest.mark.parametrize("missing", ["host.json", "requirements.txt", "function_app.py"])
def test_a_package_that_azure_could_not_start_is_not_built(app, tmp_path, missing):
    (app / missing).unlink()
    with pytest.raises(StackError, match=missing):
        build_package(app, tmp_path / "a.zip", "3.13", dependencies=False)
    assert not (tmp_path / "a.zip").exists()


def test_without_the_python_in_question_the_remedy_is_said(app, tmp_path, monkeypatch):
    monkeypatch.setattr(packaging, "find_python", lambda version: None)
    with pytest.raises(StackError, match=r"needs a Python 3\.12"):
        build_package(app, tmp_path / "a.zip", "3.12")
