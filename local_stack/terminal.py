"""What a person reads in a terminal: one line per step, and names that cannot act there. Standard library only.

A step says what is being done and how long it took. On a terminal the running step shows its seconds; elsewhere (CI
logs) it is announced once and then every ten seconds, so that nobody looks at silence for longer than that.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Step:
    """The step under way; ``note`` is shown behind it when it has ended."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.note = ""
        self.started = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started


@contextmanager
def step(title: str) -> Iterator[Step]:
    """Announce ``title`` on standard error, time it, and say how it ended."""
    running = Step(title)
    ended = threading.Event()
    ticker = threading.Thread(target=_tick, args=(running, ended), daemon=True)
    ticker.start()
    try:
        yield running
    except BaseException:
        ended.set()
        ticker.join()
        _line(f"  ✗ {title} ({running.seconds:.1f} s)")
        raise
    ended.set()
    ticker.join()
    note = f": {running.note}" if running.note else ""
    _line(f"  ✓ {title}{note} ({running.seconds:.1f} s)")


def say(text: str) -> None:
    """One line to the person, on standard error, so that standard output stays for programs."""
    _line(text)


def printable(text: str) -> str:
    """The text with what a terminal would obey (escapes, line ends, reordering) written out instead."""
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def showable(text: str, stream: TextIO) -> str:
    """The text as the stream can show it: a character that a Windows code page lacks is replaced, never a crash."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _tick(running: Step, ended: threading.Event) -> None:
    terminal = sys.stderr.isatty()
    if ended.wait(0.5):
        return
    if not terminal:
        _line(f"  … {running.title}")
    while not ended.wait(0.2 if terminal else 10.0):
        if terminal:
            _write(f"\r\x1b[2K  … {running.title} ({running.seconds:.0f} s)")
        else:
            _line(f"  … {running.title} ({running.seconds:.0f} s)")


def _line(text: str) -> None:
    prefix = "\r\x1b[2K" if sys.stderr.isatty() else ""
    _write(prefix + text + "\n")


def _write(text: str) -> None:
    sys.stderr.write(showable(text, sys.stderr))
    sys.stderr.flush()
