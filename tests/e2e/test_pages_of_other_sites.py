"""What a real browser can be made to do to a host without keys by a page of another site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from functions_host.testing import RunningApp, start_app

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

APP = """
import azure.functions as func
import azure.durable_functions as df

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.orchestration_trigger(context_name="context")
def waits(context):
    return (yield context.wait_for_external_event("Go"))
"""
DURABLE = "/runtime/webhooks/durabletask"


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<title>a page</title>")

    def log_request(self, code: Any = "-", size: Any = "-") -> None:
        """Nothing on the terminal."""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    (tmp_path / "function_app.py").write_text(APP)
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0"}))
    with start_app(tmp_path) as running:
        yield running


@pytest.fixture
def site() -> Iterator[int]:
    """A web server's port; pages of it are of another site once they are asked for by another name."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


_POST = "([url, mode]) => fetch(url, {method: 'POST', mode}).then(answer => answer.status, () => -1)"


def test_page_of_another_site_starts_no_run_and_a_rebound_name_reads_nothing(
    app: RunningApp, site: int, browser: Browser
) -> None:
    def post(page_url: str, target: str, mode: str) -> int:
        page = browser.new_page()
        page.goto(page_url)
        status: int = page.evaluate(_POST, [target, mode])
        page.close()
        return status

    start = f"{app.origin}{DURABLE}/orchestrators/waits"
    post(f"http://evil.test:{site}/", f"{start}/forged", "no-cors")
    assert app.get(f"{DURABLE}/instances/forged").status == 404
    assert (
        post(f"{app.origin}/", f"{start}/own", "cors") == 202
    )  # a page of the host itself, as the dashboard is
    port = urlsplit(app.origin).port
    rebound = browser.new_page()
    answer = rebound.goto(f"http://evil.test:{port}{DURABLE}/instances/")
    assert answer is not None
    assert answer.status == 403
