"""``pipeline.py bench NAME``: one measurement against its named peer, in the same run."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from local_stack.errors import StackError
from local_stack.install import runtimes
from local_stack.state_folder import PROJECT_ROOT

_FOLDER = PROJECT_ROOT / "tests" / "bench"


def run(arguments: argparse.Namespace) -> int:
    """The benchmark's own exit code. Raises StackError for one that does not exist."""
    known = sorted(path.stem.removeprefix("bench_") for path in _FOLDER.glob("bench_*.py"))
    if arguments.name not in known:
        raise StackError(
            f"There is no benchmark {arguments.name!r}.", f"the benchmarks are: {', '.join(known)}"
        )
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT_ROOT),
        "NODE": runtimes.node().executable,
        "AZURITE_JS": str(runtimes.AZURITE_SCRIPT),
    }
    command = [sys.executable, str(_FOLDER / f"bench_{arguments.name}.py"), *arguments.words]
    return subprocess.call(command, cwd=PROJECT_ROOT, env=environment)
