"""Is there a Java that Spark can use? Standard library only.

The uploader itself decides which one it runs on (its own, or the JDK from PyPI); this only tells
the installer whether the JDK package is needed at all.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

OLDEST_JAVA = 17  # Spark 4 runs on Java 17 and newer
NEWEST_JAVA = 25  # the newest one measured with PySpark 4.3


@functools.cache
def find_java() -> str | None:
    """The machine's Java (JAVA_HOME first, then PATH) if its version suits Spark."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home) / "bin" / "java")] if home else []
    on_path = shutil.which("java")
    if on_path:
        candidates.append(on_path)
    for candidate in candidates:
        version = java_version(candidate)
        if version is not None and OLDEST_JAVA <= version <= NEWEST_JAVA:
            return candidate
    return None


def java_version(executable: str) -> int | None:
    """The feature version that ``java -version`` prints, or None if it does not run."""
    try:
        printed = subprocess.run(
            [executable, "-version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r'version "(\d+)', printed.stderr + printed.stdout)
    return int(found.group(1)) if found else None
