"""Spark's Python processes use the installed pyspark, which is compiled, where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyspark

from local_agent.streaming.python_start.sitecustomize import without_archives

START = Path(__file__).resolve().parents[4] / "local_agent" / "streaming" / "python_start"
ARCHIVES = ["/spark/python/lib/pyspark.zip", "/spark/python/lib/py4j-0.10.9.9-src.zip"]


def test_the_archives_are_left_out_where_pyspark_is_installed() -> None:
    installed = str(Path(pyspark.__file__).parents[1])
    assert without_archives([*ARCHIVES, "/elsewhere", installed]) == ["/elsewhere", installed]


def test_the_archives_stay_where_nothing_else_holds_pyspark(tmp_path: Path) -> None:
    path = [*ARCHIVES, str(tmp_path)]
    assert without_archives(path) == path


def test_a_python_that_spark_starts_finds_the_installed_pyspark() -> None:
    library = Path(pyspark.__file__).parent / "python" / "lib"
    search = [str(library / "pyspark.zip"), *map(str, library.glob("py4j-*.zip")), str(START)]
    found = subprocess.run(
        [sys.executable, "-c", "import pyspark; print(pyspark.__file__)"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(search)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.strip() == pyspark.__file__
