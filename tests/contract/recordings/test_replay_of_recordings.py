"""The embedded host answers and sends what Microsoft's own host did, row by row; see README.md for the data.

A row that differs is in differences.json with its reason, and every row there does differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from functions_host.testing import RunningApp, start_app
from tests.conftest import Azurite
from tests.contract.recordings.app import FUNCTIONS
from tests.contract.recordings.playing import Played, followers, spied
from tests.contract.recordings.recorded import FOLDER, SENT, Row, row, rows

pytestmark = [pytest.mark.azurite, pytest.mark.timeout(120)]

MOST_DIFFERENCES = 4
"""How long the list is; it may only be made smaller."""

_HEADER = """
import asyncio, json
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""
CONTAINERS = (
    "trig-ok", "trig-fail", "trig-slow", "trig-pattern", "trig-bytes", "trig-str", "trig-ref", "eg-ok", "eg-fail",
    "eg-ref",
)  # fmt: skip


def differences(name: str) -> dict[str, str]:
    """label -> reason, of one file's rows."""
    told: dict[str, dict[str, str]] = json.loads((FOLDER / "differences.json").read_text(encoding="utf-8"))
    return told[name]


@pytest.fixture
def played(
    own_azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Played]]:
    """`played(source)`: an app on the embedded host beside an empty Azurite, where the recorded names are free."""
    running: list[RunningApp] = []
    with spied(monkeypatch) as sent:

        def start(source: str = FUNCTIONS) -> Played:
            root = tmp_path / f"app{len(running)}"
            root.mkdir()
            (root / "function_app.py").write_text(_HEADER + source)
            # By default it is a number of the machine's cores; eight ran at once on the recorded one.
            blobs = {"maxDegreeOfParallelism": 8}
            (root / "host.json").write_text(json.dumps({"version": "2.0", "extensions": {"blobs": blobs}}))
            # Looked at when the test says so.
            settings = {"AzureWebJobsStorage": own_azurite.connection_string,
                        "FUNCTIONS_HOST_BLOB_POLL_SECONDS": "3600"}  # fmt: skip
            running.append(start_app(root, settings=settings))
            return Played(running[-1], own_azurite, sent)

        yield start
        for app in running:
            app.close()


@pytest.fixture
def played_blobs(played: Callable[..., Played]) -> Played:
    found = played()
    for container in CONTAINERS:
        found.service.create_container(container)
    return found


def test_polled_blobs_come_as_recorded(played_blobs: Played) -> None:
    play = played_blobs
    recorded = {found["label"]: found for found in rows("blobs")}
    sent_of = followers(rows("blobs"))

    def notes(label: str, **options: Any) -> None:
        play.app.scan_blobs()
        play.compare_notes(recorded[label], sent_of(recorded[label]), **options)

    play.put("trig-ok", "a.txt", b"hello", "text/plain; charset=utf-8",
             {"Probe": "One", "lower_case": "x", "k": "v%20w"})  # fmt: skip
    notes("text blob")
    play.put("trig-ok", "empty.bin", b"")
    notes("empty blob")
    for label, name in (
        ("unicode name", "ordner/ü 漢字 🎉 %41 +&=#?.txt"), ("percent name", "a%2Fb"), ("folders", "deep/er/x.tar.gz"),
        ("braces and quotes", "a{b}'c;d@e.txt"), ("decomposed unicode", "u\u0308.txt"),
    ):  # fmt: skip
        play.put("trig-ok", name, b"p")
        notes(label)
    play.put("trig-pattern", "f/g/n.tar.gz", b"p")
    notes("pattern, match")
    for name in ("plain", "f/noext", "f/then.last"):  # the last one matches: when it ran, all were looked at
        play.put("trig-pattern", name, b"p")
    play.app.scan_blobs()
    found = [entry for entry in play.new_notes(1) if entry["name"] != "trig-pattern/f/then.last"]
    play.compare("pattern, no match", recorded["pattern, no match"]["value"], found)
    play.sent_since()
    for label, container, data in (
        ("annotated bytes, data_type binary", "trig-bytes", b"\x00\xff"),
        ("annotated str, data_type string", "trig-str", "ü text".encode()),
        ("annotated str, not UTF-8", "trig-str", b"\xff\xfe\x00"),
    ):
        play.put(container, label, data)
        notes(label)

    play.put("trig-ok", "a.txt", b"hello")
    notes("overwritten with the same bytes")
    play.service.get_blob_client("trig-ok", "a.txt").set_blob_metadata({"new": "1"})
    play.compare("set metadata", 200, 200)
    notes("metadata changed only")
    for number in range(3):
        play.put("trig-ok", "quick.txt", f"v{number}".encode())
    notes("three versions at once")

    _overwritten_while_it_runs(play, notes)
    _more_than_fit_at_once(play, recorded, notes)

    for label, data in (("failing", b"x"), ("failing, second version", b"x2")):
        play.put("trig-fail", "bad ü.txt", data)
        notes(label)
        then = {"failing": "queues after the failures", "failing, second version": "queues after that"}[label]
        queue = {"webjobs-blobtrigger-poison": play.poison()}
        play.compare(then, _of(recorded[then]["value"], "on_fail"), queue)
    play.compare("after five", recorded["after five"]["value"], play.new_notes(0))

    play.put("trig-ref", "r ü.txt", b"reference", "text/plain", {"k": "v"})
    notes("reference")
    play.put("trig-ref", "r ü.txt", b"reference, second version")
    notes("reference, overwritten (the worker keeps what the converter made of the first)")
    play.put("trig-ref", "empty", b"")
    notes("reference, empty")
    assert play.differing == set(differences("blobs"))
    assert play.seen == set(recorded)


def _overwritten_while_it_runs(play: Played, notes: Callable[..., None]) -> None:
    """The function waits for a gate instead of four seconds."""
    begun = len(play.notes())
    play.put("trig-slow", "x", b"v1")
    play.app.scan_blobs()
    play.app.wait_until(lambda: len(play.notes()) == begun + 1)
    first = row("blobs", "slow begins")
    play.compare("slow begins", first["value"], play.notes()[begun:])
    play.compare("slow begins" + SENT, row("blobs", "slow begins" + SENT)["value"], play.sent_since())
    play.put("trig-slow", "x", b"v2")
    play.app.scan_blobs()
    play.app.wait_until(lambda: len(play.notes()) == begun + 2)
    play.app.get("/api/release?open=1")
    play.app.wait_until_idle()
    play.skip(1)
    notes("overwritten while it runs")
    play.app.get("/api/release?open=0")


def _more_than_fit_at_once(play: Played, recorded: dict[str, Row], notes: Callable[..., None]) -> None:
    begun = len(play.notes())
    for number in range(30):
        play.put("trig-slow", f"s{number}", b"s")
    play.app.scan_blobs()
    play.app.wait_until(lambda: len(play.notes()) == begun + 8)
    label = "thirty at once: begun"
    at_once = sorted(play.notes()[begun:], key=lambda entry: str(entry["name"]))  # they overtake each other
    play.compare(label, recorded[label]["value"], at_once)
    sent = sorted(play.sent_since(), key=lambda entry: str(entry["trigger_metadata"]["BlobTrigger"]["value"]))
    play.compare(label + SENT, recorded[label + SENT]["value"], sent)
    running = {entry["name"] for entry in at_once}
    for number in range(30):
        if f"trig-slow/s{number}" not in running:
            play.service.get_blob_client("trig-slow", f"s{number}").delete_blob()
    play.app.get("/api/release?open=1")
    play.skip(8)
    ended = sorted(play.new_notes(8), key=lambda entry: str(entry["name"]))
    label = "the others deleted before their turn"
    play.compare(label, recorded[label]["value"], ended)
    play.compare("at once at most", recorded["at once at most"]["value"], len(at_once))
    every = [entry for entry in play.notes()[begun:] if "begins" in entry["function"]]
    play.compare("begun in all, of 30", recorded["begun in all, of 30"]["value"], len(every))


def _of(queues: dict[str, list[str]], function: str) -> dict[str, list[str]]:
    """The messages of one function: other functions had failed before it on the recorded storage."""
    return {
        name: [text for text in texts if f"Functions.{function}" in text] for name, texts in queues.items()
    }


def test_event_grid_is_answered_as_recorded(played_blobs: Played) -> None:
    play = played_blobs
    play.put("eg-ok", "a.txt", b"hello", "text/plain", {"Probe": "One"})
    for container, name, data in (
        ("eg-ok", "b ü.txt", b"b"),
        ("eg-fail", "x", b"x"),
        ("eg-ref", "r", b"ref"),
    ):
        play.put(container, name, data)
    sent_of = followers(rows("webhooks"))
    for found in rows("webhooks"):
        label = found["label"]
        if "request" in found:
            play.compare(label, found["answer"], answered(play, found["request"]))
        elif label == "polling of trig-ok":
            play.put("trig-ok", "by-event.txt", b"x")
            play.app.scan_blobs()
            play.compare_notes(found, sent_of(found))
        elif label.startswith("queues"):
            queue = {"webjobs-blobtrigger-poison": play.poison()}
            play.compare(label, _of(found["value"], "eg_fail"), queue)
        elif label.endswith("THE HOST ENDED"):
            play.compare(label, True, False)
        elif not label.endswith(SENT):
            play.compare_notes(found, sent_of(found))
    assert play.differing == set(differences("webhooks"))
    assert play.seen == {found["label"] for found in rows("webhooks")}


def test_what_ends_azures_host_is_answered_alike_and_told_loudly(
    played_blobs: Played, caplog: pytest.LogCaptureFixture
) -> None:
    play = played_blobs
    play.put("eg-ok", "a.txt", b"hello")
    for asked, then in zip(rows("endings")[::2], rows("endings")[1::2], strict=True):
        caplog.clear()
        play.compare(asked["label"], asked["answer"], answered(play, asked["request"]))
        ran = play.new_notes(0)
        loud = [record for record in caplog.records if "AZURE'S HOST WOULD END HERE" in record.message]
        would_end = then["value"]["the host ended after seconds"] is not None
        assert bool(loud) == would_end, asked["label"]
        assert ran == []
        quiet: dict[str, Any] = {"left in the queue": {"messages": 0, "visible": []}, "logged": [],
                 "the host ended after seconds": None}  # fmt: skip
        play.compare(then["label"], then["value"], quiet)
    assert play.differing == set(differences("endings"))


def answered(play: Played, request: dict[str, Any]) -> dict[str, Any]:
    """Our answer to a recorded request, as the recording writes answers."""
    body = play.real(request["body"])
    answer = play.app.request(request["method"], request["path"], body, request.get("headers"))
    try:
        told: Any = answer.json()
    except ValueError:
        told = answer.text
    kind = answer.headers.get("Content-Type")
    return {"body": told, "headers": {"content-type": kind} if kind else {}, "status": answer.status}


MIXED = """
notes = []

@app.route(route="notes")
async def take(req: func.HttpRequest) -> str:
    return json.dumps(notes)

@app.blob_trigger(arg_name="blob", path="trig-ok/{name}", connection="AzureWebJobsStorage")
def POLLED(blob: func.InputStream) -> None:
    notes.append({"function": "polled"})

@app.blob_trigger(arg_name="blob", path="eg-ok/{name}", connection="AzureWebJobsStorage", source="EventGrid")
def EVENTED(blob: func.InputStream) -> None:
    notes.append({"function": "evented"})
"""


@pytest.mark.parametrize(
    ("polled", "evented", "case"),
    [("big_both", "big_ref_eg", 0), ("big_both", "aa_ref_eg", 1), ("on_ok", "eg_ok", 2)],
)
def test_event_grid_functions_behind_polled_ones_never_run(
    played: Callable[..., Played], caplog: pytest.LogCaptureFixture, polled: str, evented: str, case: int
) -> None:
    recorded = rows("mixing")[case]["value"]
    play = played(MIXED.replace("POLLED", polled).replace("EVENTED", evented))
    for container in ("trig-ok", "eg-ok"):
        play.service.create_container(container)
        play.put(container, "a", b"x")
    play.app.scan_blobs()
    assert play.new_notes(1) == [{"function": "polled"}]
    event = row("webhooks", "one event")["request"]
    path = event["path"].replace("eg_ok", evented)
    body = json.loads(json.dumps(play.real(event["body"])).replace("eg-ok/a.txt", "eg-ok/a"))
    answers = [play.app.request("POST", path, body, event["headers"]).status for _ in range(6)]
    ran = play.new_notes(0)
    if case == 2:
        assert recorded == {"Event Grid functions run": len(ran) == 6, "polling functions run": True}
    else:
        assert answers == recorded["answers"]
        assert [True] * len(ran) + [False] * (6 - len(ran)) == recorded["function ran"]
    warned = any("never runs" in record.message for record in caplog.records)
    assert warned == (case == 0)


def test_the_list_of_differences_only_gets_shorter() -> None:
    listed = [(name, label) for name in ("blobs", "webhooks", "endings") for label in differences(name)]
    assert len(listed) == MOST_DIFFERENCES
    assert all(differences(name)[label] for name, label in listed)
    assert {label for name, label in listed} <= {found["label"] for name, _ in listed for found in rows(name)}
