"""Lets Spark's Python processes load pyspark from where it is installed instead of from Spark's own archive.

Spark puts ``pyspark.zip`` first on the path of every Python process it starts, and Python compiles a module of an
archive anew at each start: 0.9 s for a planning process, 0.25 s from the installed package, which keeps
compiled files (docs/benchmarks-upload.md). Starting the agent takes seven of them in turn. Python imports a module of
this name by itself at its start; the folder is on their path only where driver and Spark are one installation
(streaming.session), so both copies are the same code.
"""

import sys
from importlib.machinery import PathFinder
from pathlib import PurePath


def without_archives(path: list[str]) -> list[str]:
    """``path`` without Spark's archives, if pyspark and py4j are found without them; else as it was."""
    rest = [entry for entry in path if not _is_archive_of_spark(entry)]
    installed = all(PathFinder.find_spec(name, rest) is not None for name in ("pyspark", "py4j"))
    return rest if installed else path


def _is_archive_of_spark(entry: str) -> bool:
    name = PurePath(entry).name
    return name == "pyspark.zip" or (name.startswith("py4j-") and name.endswith(".zip"))


sys.path[:] = without_archives(sys.path)
