"""Whole commands on a state folder of their own, so that e2e runs never touch the developer's `.local/`.

All of them run on SQLite, and again on a live T-SQL engine where TEST_SQL_CONNECTION_STRING names one.

Browser tests run in a Chromium that the machine has (Playwright downloads none), and say so where there is none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
Pipeline = Callable[..., "subprocess.CompletedProcess[str]"]
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_BROWSER_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                      "--disable-background-networking", "--disable-component-update", "--disable-sync",
                      "--host-resolver-rules=MAP evil.test 127.0.0.1"]  # fmt: skip


@pytest.fixture(scope="session", params=["sqlite", pytest.param("mssql", marks=pytest.mark.live_sql)])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """The setting that names the result store; none means the default, SQLite in the state folder."""
    if request.param == "sqlite":
        return {}
    return {"SQL_CONNECTION_STRING": request.getfixturevalue("new_database")()}


@pytest.fixture(scope="session")
def state_folder(tmp_path_factory: pytest.TempPathFactory, database: dict[str, str]) -> Path:
    """One state folder for a store's demos: each demo's books are its own, as with a user's demos in a row."""
    return tmp_path_factory.mktemp("pipeline") / ".local"


@pytest.fixture(scope="session")
def environment(state_folder: Path, database: dict[str, str]) -> dict[str, str]:
    return {**os.environ, **database, "PIPELINE_STATE": str(state_folder), "NO_COLOR": "1"}


@pytest.fixture(scope="session")
def pipeline(environment: dict[str, str]) -> Pipeline:
    """Runs ``pipeline.py`` as a user does; returns the finished process."""

    def run(*words: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(ROOT / "pipeline.py"), *words],
            cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium with a profile of its own."""
    chromium = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=_BROWSER_ARGUMENTS)
        yield started
        started.close()
