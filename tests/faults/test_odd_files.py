"""A folder full of accidents and attacks: each named, none stops the stream or touches a neighbour."""

from __future__ import annotations

import os
import random
import socket
import time
from pathlib import Path

import pytest
from kit.pictures import grey_png
from kit.pipeline import Pipeline
from kit.report import Report

from local_stack.processes import wait_until
from local_stack.reconcile.evidence import blobs
from local_stack.run.parts import CONTAINER

_DAY = 86_400

HOSTILE = [
    "[a]{b}*?.png", "back\\slash.png", "colon:name.png", "_underscore.png", "%2e%2e%2fescape.png", "%00.png",
    "new\nline.png", "tab\t.png", " leading.png", "trailing .png", "-rf.png", "'; DROP TABLE runs;--.png",
    "$(reboot).png", "`id`.png", "|cat.png", "&&.png", "<img src=x onerror=alert(1)>.png", "{{7*7}}.png",
    "%s%n%x.png", "CON.png", "nul", "noextension", "x.tar.gz.png", "emoji-🦄.png", "عربى.png",
    "\u202egnp.exe", "zero\u200bwidth.png", "e\u0301.png", "é.png", "quote\".png", "semi;colon.png", "hash#tag.png",
    "question?.png", "percent%.png", "plus+space .png", "a" * 240 + ".png", "🦄" * 60 + ".png", "null", "None",
    "2026-01-01", "0x41.png", "line\rreturn.png", "\x01control.png", "\x7fdelete.png", "x.PNG", "y.png.png",
]  # fmt: skip


@pytest.mark.timeout(180)
def test_hostile_names_are_only_names(pipeline: Pipeline, report: Report, seed: int) -> None:
    """Every one becomes a blob under a generated name, and a row with the right sum."""
    before = pipeline.balance().made
    for number, name in enumerate(HOSTILE):
        pipeline.put(os.fsencode(name), grey_png(seed + number))
    balance, seconds = pipeline.drained(90, made=before + len(HOSTILE))
    report.balanced(balance, seconds, before + len(HOSTILE), names=len(HOSTILE))


@pytest.mark.timeout(180)
def test_names_that_are_not_utf8_are_processed(pipeline: Pipeline, report: Report, seed: int) -> None:
    """Bytes are a name too, for the agent, the rows and the audit."""
    before = pipeline.balance().made
    names = [b"\xff\xfe.png", b"caf\xe9.png", b"\xc3\x28.png"]
    for number, name in enumerate(names):
        pipeline.put(name, grey_png(90_000 + seed + number))
    balance, seconds = pipeline.drained(90, made=before + len(names))
    report.balanced(balance, seconds, before + len(names))


@pytest.mark.timeout(180)
def test_odd_entries_have_a_named_end_and_nothing_outside_is_read(
    pipeline: Pipeline, report: Report, seed: int, tmp_path: Path
) -> None:
    """Links, FIFOs, sockets, folders, giants and strange times among good neighbours."""
    inbox = pipeline.state.inbox
    before = pipeline.balance().made
    outside = tmp_path / "outside.png"
    outside.write_bytes(grey_png(77_000 + seed))
    (inbox / "link.png").symlink_to(outside)
    (inbox / "passwd.png").symlink_to("/etc/passwd")
    (inbox / "dangling.png").symlink_to("/nowhere/x.png")
    (inbox / "loop.png").symlink_to(inbox)
    os.mkfifo(inbox / "fifo.png")
    (inbox / "folder.png").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(inbox / "socket.png"))
    giant = inbox / ".giant.part"
    with giant.open("wb") as file:
        file.truncate(3 << 30)
    giant.replace(inbox / "giant.png")
    now = time.time()
    pipeline.put(b"old.png", grey_png(seed + 1), mtime=now - 8 * _DAY)
    pipeline.put(b"epoch.png", grey_png(seed + 2), mtime=0)
    pipeline.put(b"future.png", grey_png(seed + 3), mtime=now + 365 * _DAY)
    pipeline.put(b"far.png", grey_png(seed + 4), mtime=4_102_444_800)
    pipeline.put(b"neighbour.png", grey_png(seed + 5))
    balance, seconds = pipeline.drained(90, made=before + 5)
    set_aside = {path.name.split(".png")[0] for path in pipeline.state.rejected.glob("*.reason.json")}
    named = {"link", "passwd", "dangling", "loop", "fifo", "socket", "giant"}
    assert named <= set_aside, named - set_aside
    assert (inbox / "folder.png").is_dir()
    assert outside.exists()
    uploaded = {name for _, name, *_ in blobs(pipeline.storage, CONTAINER)}
    assert not {f"{name}.png" for name in named} & uploaded, "something outside the folder was read"
    report.balanced(balance, seconds, before + 5, set_aside=sorted(named))


@pytest.mark.timeout(180)
def test_one_name_written_again_and_again_is_one_image_each_time(
    pipeline: Pipeline, report: Report, seed: int
) -> None:
    """The same path, new contents; those that the device itself replaced in time never existed."""
    before = pipeline.balance().made
    for number in range(5):
        pipeline.put(b"again.png", grey_png(50_000 + seed + number))
        wait_until(lambda: not (pipeline.state.inbox / "again.png").exists(), 30)
    balance, seconds = pipeline.drained(90, made=before + 5)
    report.balanced(balance, seconds, before + 5)


@pytest.mark.timeout(240)
def test_slow_and_killed_writers_never_give_a_row_of_a_part(
    pipeline: Pipeline, report: Report, seed: int, full: bool
) -> None:
    """Under a name that says unfinished nothing is taken; renamed, it is taken whole."""
    writers = 50 if full else 10
    before = pipeline.balance()
    chance = random.Random(seed)
    parts = []
    for number in range(writers):
        content = grey_png(60_000 + seed + number)
        half = pipeline.state.inbox / f"killed-{number}.png.part"
        half.write_bytes(content[: chance.randrange(1, len(content))])
        parts.append(half)
    for number in range(0, writers, 2):
        growing = pipeline.state.inbox / f"slow-{number}.png.part"
        content = grey_png(61_000 + seed + number)
        with growing.open("wb") as file:
            for offset in range(0, len(content), 64):
                file.write(content[offset : offset + 64])
                file.flush()
                time.sleep(0.01)
        growing.unlink()
        pipeline.put(f"slow-{number}.png".encode(), content)
    made = before.made + len(range(0, writers, 2))
    for half in parts:
        assert half.exists(), "a part was taken"
        half.unlink()
    balance, seconds = pipeline.drained(90, made=made)
    assert balance.uploaded == before.uploaded + len(range(0, writers, 2))
    report.balanced(balance, seconds, made)
