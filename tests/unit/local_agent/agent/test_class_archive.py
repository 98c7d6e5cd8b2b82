"""The class path that an archive of classes is written for."""

from __future__ import annotations

import os
from pathlib import Path

from local_agent.agent.class_archive import told_apart


def test_a_jar_named_twice_is_named_in_two_ways_and_stays_the_same_file(tmp_path: Path) -> None:
    slf4j, other = tmp_path / "slf4j.jar", tmp_path / "other.jar"
    slf4j.touch()
    entries = told_apart(os.pathsep.join(map(str, (slf4j, other, slf4j)))).split(os.pathsep)
    assert entries[:2] == [str(slf4j), str(other)]
    assert entries[2] != str(slf4j)
    assert Path(entries[2]).samefile(slf4j)


def test_a_class_path_without_repetition_is_left_alone() -> None:
    path = os.pathsep.join(("a.jar", "b.jar"))
    assert told_apart(path) == path
