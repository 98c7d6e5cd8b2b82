"""``pipeline.py replay`` and ``sweep`` against a real HTTP server that answers as the API does: page by page, once."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from local_stack.errors import StackError
from local_stack.operate import replay, sweep

RUN_ID = "0" * 32
COUNTS = dict.fromkeys(sweep.COUNTED, 0)
FOUND = {"blob_name": "cam/\x1b[31mx.png", "run_id": RUN_ID, "standing": "unseen"}


class Api(BaseHTTPRequestHandler):
    asked: ClassVar[list[tuple[str, str, dict[str, str]]]] = []

    def do_POST(self) -> None:
        path, query = self._noted()
        if path.endswith(f"{RUN_ID}/replay"):
            self._answer(202, {"run_id": RUN_ID, "replayed": "started", "attempt": 2})
        elif path.endswith("replay") and path.count("/") == 4:
            self._answer(409, {"detail": "The image is scored; there is nothing to replay."})
        elif path.endswith("/runs/replay"):
            self._replay(query)
        else:
            self._sweep(query)

    def do_GET(self) -> None:
        self._sweep(self._noted()[1])

    def _replay(self, query: dict[str, str]) -> None:
        if query.get("since") == "wrong":
            return self._answer(400, {"detail": "ISO 8601, or a span."})
        dry = query["dry_run"] == "true"
        last = "cursor" in query
        return self._answer(200, {
            "matched": 1 if last else 1000, "started": 0 if dry else 1 if last else 990,
            "already_running": 0 if dry or last else 10, "dry_run": dry, "runs": [],
            "next_cursor": None if last else "p2",
        })  # fmt: skip

    def _sweep(self, query: dict[str, str]) -> None:
        last = "cursor" in query
        self._answer(200, {**COUNTS, "looked_at": 7, "recorded": 6, "unseen": 1, "started": self.command == "POST",
                           "found": [FOUND], "next_cursor": None if last else "s2"})  # fmt: skip

    def _noted(self) -> tuple[str, dict[str, str]]:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.asked.append((self.command, address.path, query))
        return address.path, query

    def _answer(self, code: int, body: Any) -> None:
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

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


def wanted(url: str, **options: Any) -> argparse.Namespace:
    plain = dict.fromkeys(("run_id", "state", "reason", "device", "since", "until"))
    return argparse.Namespace(
        url=url, **{**plain, "dry_run": False, "json": False, "grace": "60s", **options}
    )


def test_one_run_is_replayed_by_its_id(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay.run(wanted(url, run_id=RUN_ID)) == 0
    assert capsys.readouterr().out == f"{RUN_ID}: attempt 2 started again.\n"


def test_a_scored_run_is_not_replayed_and_says_so(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay.run(wanted(url, run_id="1" * 32)) == 1
    assert "nothing to replay" in capsys.readouterr().out


def test_many_are_replayed_page_by_page_with_every_filter(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = {
        "state": "failed",
        "reason": "store_unavailable",
        "device": "cam-1",
        "since": "24h",
        "until": "1h",
    }
    assert replay.run(wanted(url, **chosen)) == 0
    assert capsys.readouterr().out == "1001 runs matched: 991 started again, 10 already running.\n"
    first, second = (query for _, _, query in Api.asked)
    assert first == {**chosen, "limit": "1000", "dry_run": "false"}
    assert second == {**first, "cursor": "p2"}


def test_a_dry_run_only_counts(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay.run(wanted(url, state="rejected", dry_run=True)) == 0
    assert "1001 runs match" in capsys.readouterr().out
    assert all(query["dry_run"] == "true" for _, _, query in Api.asked)


@pytest.mark.parametrize("options", [{}, {"run_id": RUN_ID, "state": "failed"}])
def test_nobody_replays_everything_by_a_slip(url: str, options: dict[str, str]) -> None:
    with pytest.raises(StackError, match="Name what to replay"):
        replay.run(wanted(url, **options))
    assert Api.asked == []


def test_what_the_api_refuses_is_told(url: str) -> None:
    with pytest.raises(StackError, match="ISO 8601"):
        replay.run(wanted(url, state="failed", since="wrong"))


def test_a_sweep_goes_on_to_the_end_of_the_container(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep.run(wanted(url)) == 0
    said = capsys.readouterr().out
    assert said.startswith("14 blobs: 12 have their row")
    assert "2 started." in said
    assert "\x1b" not in said  # a blob's name is only a name
    assert [(method, path, query.get("cursor")) for method, path, query in Api.asked] == [
        ("POST", "/api/sweep", None), ("POST", "/api/sweep", "s2"),
    ]  # fmt: skip


def test_a_dry_sweep_asks_and_starts_nothing(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep.run(wanted(url, dry_run=True, json=True)) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["unseen"], told["started"], len(told["found"])) == (2, 0, 2)
    assert {method for method, _, _ in Api.asked} == {"GET"}
