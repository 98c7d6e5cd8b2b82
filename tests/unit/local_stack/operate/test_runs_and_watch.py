"""What a terminal shows of a deployment, against a real HTTP server that answers as the API does."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from local_stack.errors import StackError
from local_stack.operate import runs, watch
from local_stack.operate.run_api import RunApi
from local_stack.terminal import printable

RUN = {"run_id": "0" * 32, "state": "rejected", "reason": "not_png", "blob_name": "[red]\x1b[31m‮.png", "attempt": 2,
       "committed_at": "2026-01-01T00:00:00.000000Z", "scores": []}  # fmt: skip
REJECTED = {**RUN, "run_id": "1" * 32}
MOVING = {**RUN, "state": "running", "reason": None, "blob_name": "moving.png"}  # a replay of RUN
STATS = {
    "counts": {"scored": 1234, "rejected": 1, "failed": 0, "waiting": None, "running": 1, "retrying": 0},
    "window": {"seconds": 3600, "counts": {"scored": 4, "rejected": 1, "failed": 0}, "rejections": {"not_png": 1},
               "latency": {"p50": 1.25, "p95": 2.5, "p99": 3.0, "runs": 4}},
}  # fmt: skip


class Api(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        refused = "wrong" in self.path
        runs = [MOVING] if "state=running" in self.path else [RUN, REJECTED, RUN]
        body: Any = STATS if "/stats" in self.path else {"runs": runs, "next_cursor": None}
        wrong = {"detail": "A span of time.", "parameter": "since"}
        self.send_response(400 if refused else 200)
        self.end_headers()
        self.wfile.write(json.dumps(wrong if refused else body).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Api)
    Api.asked.clear()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def listing(url: str, **options: Any) -> argparse.Namespace:
    filters = dict.fromkeys(("state", "reason", "device", "scorer", "since", "until"))
    plain = {**filters, "limit": 2, "json": False}
    return argparse.Namespace(url=url, **{**plain, **options})


def test_runs_asks_for_what_was_chosen_and_stops_at_the_limit(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert runs.run(listing(url, state="failed", scorer="pixel_sum", since="1h", json=True)) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert Api.asked == ["/api/runs?limit=2&state=failed&scorer=pixel_sum&since=1h"]


def test_runs_names_the_parameter_that_the_api_refused(url: str) -> None:
    with pytest.raises(StackError, match="400: since A span of time"):
        runs.run(listing(url, since="wrong"))


def test_a_hostile_blob_name_commands_no_terminal(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    runs.run(listing(url))
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert printable(str(RUN["blob_name"])) == "[red]\\u001b[31m\\u202e.png"


def test_watch_shows_counts_and_says_what_nobody_can_tell(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watch.run(argparse.Namespace(url=url, window="1h", every=1.0, once=True)) == 0
    shown = capsys.readouterr().out
    assert "1,234" in shown
    assert "?" in shown
    assert "file to row 1.2 s (p95 2.5 s)" in shown


def test_counts_leave_out_what_nobody_can_tell(url: str) -> None:
    told = RunApi(url).counts()
    assert "waiting" not in told
    assert (told["running"], told["scored"]) == (1, 1234)


def test_watch_shows_what_is_under_way_first_and_a_replay_once(url: str) -> None:
    _, shown = watch.ask(RunApi(url), "1h")
    assert [(run["run_id"][0], run["state"]) for run in shown] == [("0", "running"), ("1", "rejected")]


def test_watch_says_what_the_api_refused(url: str) -> None:
    with pytest.raises(StackError, match="400: A span of time"):
        watch.run(argparse.Namespace(url=url, window="wrong", every=1.0, once=True))
