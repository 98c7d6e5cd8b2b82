"""One line per step: what is being done and how long it took. Standard library only.

On a terminal the running step shows its seconds; elsewhere (CI logs) it is announced once and
then every ten seconds, so that nobody looks at silence for longer than that.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


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
    # A console that cannot show a character (Windows code pages) gets a replacement, never a crash.
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(text.encode(encoding, "replace").decode(encoding))
    sys.stderr.flush()
