"""The surface of this checkout, extracted once by a process of its own, and the committed snapshot of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

# What a program needs of the environment to start at all; no setting of the pipeline is among it.
_NEEDED = (
    "PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "USERPROFILE", "LOCALAPPDATA",
    "LD_LIBRARY_PATH",
)  # fmt: skip

Surface = dict[str, Any]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-snapshot", action="store_true", help="take the public surface as it is for the meant one"
    )


@pytest.fixture(scope="session")
def surface(azurite: Any) -> Surface:
    """Kind -> what there is of it now. Fails with the extractor's own sentence when it finds something no more."""
    environ = {name: os.environ[name] for name in _NEEDED if name in os.environ}
    environ["SURFACE_STORAGE"] = azurite.connection_string
    done = subprocess.run(
        [sys.executable, str(HERE / "extractor")],
        cwd=HERE.parents[2], env=environ, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.fail(f"the public surface cannot be extracted:\n{done.stderr[-3000:]}")
    extracted: Surface = json.loads(done.stdout)
    return extracted


@pytest.fixture(scope="session")
def snapshot(request: pytest.FixtureRequest) -> Surface:
    """Kind -> the committed state; with --write-snapshot it is replaced by what there is, whole."""
    if request.config.getoption("--write-snapshot", default=False):
        _write(request.getfixturevalue("surface"))
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(HERE.glob("snapshot/*.json"))
    }


def _write(surface: Surface) -> None:
    for path in HERE.glob("snapshot/*.json"):
        path.unlink()
    for kind, told in surface.items():
        text = json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True)
        (HERE / "snapshot" / f"{kind}.json").write_text(text + "\n", encoding="utf-8")
