"""The dashboard's modules: lint and format (Biome), types (TypeScript), unit tests (Node's own runner).

Biome, one program without dependencies, is chosen over ESLint and Prettier with their ninety packages.
``python -m local_stack.develop.dashboard_check --fix`` formats and mends what can be mended. The tools are locked in
``tests/unit/dashboard/tools`` and installed once into ``.local/runtime``; nothing of them is deployed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from local_stack.errors import StackError
from local_stack.install import runtimes
from local_stack.state_folder import PROJECT_ROOT, TOOLS
from local_stack.terminal import say

_TESTS = PROJECT_ROOT / "tests" / "unit" / "dashboard"
_MANIFEST = _TESTS / "tools"
_PACKAGES = TOOLS / "dashboard-tools" / "node_modules"
_BIOME = _PACKAGES / "@biomejs" / "biome" / "bin" / "biome"
_TSC = _PACKAGES / "typescript" / "bin" / "tsc"


def main() -> int:
    """Exit code 0 if all of them pass; each says what it found. 2 if the tools cannot be installed."""
    parser = argparse.ArgumentParser(
        prog="python -m local_stack.develop.dashboard_check", description=__doc__
    )
    parser.add_argument("--fix", action="store_true", help="let Biome write what it would have, and stop")
    arguments = parser.parse_args()
    try:
        runtimes.install_locked(
            _MANIFEST, _BIOME, None, "Installing Biome and TypeScript, which check the dashboard, from npm"
        )
        node = runtimes.node().executable
    except StackError as error:
        say(f"\n{error}")
        return error.exit_code
    if arguments.fix:
        return _run(node, *_biome("check", "--write"))
    codes = [_run(node, *words) for words in _checks()]
    return 0 if not any(codes) else 1


def _checks() -> list[list[str]]:
    """The words after ``node`` of each check."""
    tests = sorted(str(path.relative_to(PROJECT_ROOT)) for path in _TESTS.glob("*.test.js"))
    return [
        _biome("ci", "--error-on-warnings"),
        [str(_TSC), "--project", str(_MANIFEST / "tsconfig.json")],
        [str(_TSC), "--project", str(_MANIFEST / "tsconfig.tests.json")],
        # The modules are served as they stand, so no package.json beside them says that they are modules.
        ["--disable-warning=MODULE_TYPELESS_PACKAGE_JSON", "--test", *tests],
    ]


def _biome(command: str, option: str) -> list[str]:
    # Else it colours what it says in a log, too.
    colours = [] if sys.stdout.isatty() and "NO_COLOR" not in os.environ else ["--colors=off"]
    return [str(_BIOME), command, option, *colours]


def _run(node: str, *words: str) -> int:
    return subprocess.run([node, *words], cwd=PROJECT_ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
