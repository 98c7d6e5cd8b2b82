"""Apps written next to the test that needs them, run by the embedded host in this process."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions_host.testing import RunningApp
from functions_host.testing.plugin import functions_app  # noqa: F401 (a fixture)
from tests.contract.functions_host.triggers.blobs.blob_kit import container, settings  # noqa: F401 (fixtures)

_HEADER = """
import asyncio, json, os, threading, time
import azure.functions as func
import azure.durable_functions as df
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""

AppFolder = Callable[..., Path]
AppOf = Callable[..., RunningApp]


@pytest.fixture
def app_folder(tmp_path: Path) -> AppFolder:
    """`app_folder(source, host=...)` writes an app: `source` follows the usual imports and `app = df.DFApp(...)`."""

    def write(source: str, *, host: dict[str, Any] | None = None, bare: bool = False) -> Path:
        root = tmp_path / f"app{len(list(tmp_path.iterdir()))}"
        root.mkdir()
        text = textwrap.dedent(source)
        (root / "function_app.py").write_text(text if bare else _HEADER + text)
        (root / "host.json").write_text(json.dumps({"version": "2.0", **(host or {})}))
        return root

    return write


@pytest.fixture
def app_of(app_folder: AppFolder, functions_app: Callable[..., RunningApp]) -> AppOf:  # noqa: F811
    """`app_of(source, host=..., **options of start_app)` writes and starts an app."""

    def start(
        source: str, *, host: dict[str, Any] | None = None, bare: bool = False, **options: Any
    ) -> RunningApp:
        return functions_app(app_folder(source, host=host, bare=bare), **options)

    return start
