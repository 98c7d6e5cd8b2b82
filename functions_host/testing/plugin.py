"""The pytest fixture `functions_app`: starts apps for one test and closes them after it.

Where the host is installed, pytest finds it by itself. Else use `pytest -p functions_host.testing.plugin`, or
`pytest_plugins = ["functions_host.testing.plugin"]` in the top-level conftest.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol

import pytest

from functions_host.testing.running_app import RunningApp, start_app


class AppStarter(Protocol):
    """`functions_app(root, **options)`: same arguments as `start_app`."""

    def __call__(self, *args: object, **kwargs: object) -> RunningApp: ...


@pytest.fixture
def functions_app() -> Iterator[AppStarter]:
    """Start apps by folder: `functions_app("my_app", virtual_time=True)`; all are closed after the test."""
    with contextlib.ExitStack() as running:

        def start(*args: object, **kwargs: object) -> RunningApp:
            return running.enter_context(start_app(*args, **kwargs))  # type: ignore[arg-type]

        yield start
