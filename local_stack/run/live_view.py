"""What a person sees while images flow: counts per stage, speed and latency, redrawn in place."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

STAGES = ("made", "uploaded", "running", "scored", "rejected", "failed")
_STYLES = {"made": "bold", "uploaded": "cyan", "running": "yellow", "scored": "green", "rejected": "magenta",
           "failed": "red"}  # fmt: skip
# A log that is no terminal gets a line this often (seconds).
_PLAIN_EVERY = 5.0


@dataclass
class Snapshot:
    """The state of the pipeline at one moment; ``latency`` is the newest images' median in seconds."""

    counts: dict[str, int] = field(default_factory=dict)
    expected: int | None = None
    seconds: float = 0.0
    latency: float | None = None
    note: str = ""

    @property
    def ended(self) -> int:
        return sum(self.counts.get(stage, 0) for stage in ("scored", "rejected", "failed"))

    @property
    def images_per_second(self) -> float:
        return self.ended / self.seconds if self.seconds > 0 else 0.0


class LiveView:
    """A table that is redrawn on a terminal; elsewhere one line every five seconds."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, refresh_per_second=8, transient=True)
        self._plain = 0.0

    def __enter__(self) -> LiveView:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        """Draw this moment."""
        if self._console.is_terminal:
            self._live.update(_picture(snapshot))
        elif time.monotonic() - self._plain >= _PLAIN_EVERY:
            self._plain = time.monotonic()
            self._console.print(_line(snapshot), highlight=False, soft_wrap=True)


def _picture(snapshot: Snapshot) -> Group:
    table = Table.grid(padding=(0, 3))
    for _ in STAGES:
        table.add_column(justify="right", min_width=8)
    table.add_row(*(Text(stage, style="dim") for stage in STAGES))
    table.add_row(*(Text(str(snapshot.counts.get(stage, 0)), style=_STYLES[stage]) for stage in STAGES))
    rows: list[object] = [table]
    if snapshot.expected:
        rows.append(ProgressBar(total=snapshot.expected, completed=snapshot.ended, width=62))
    rows.append(Text(_speed(snapshot), style="dim"))
    return Group(*rows)  # type: ignore[arg-type]


def _line(snapshot: Snapshot) -> str:
    counts = "  ".join(f"{stage} {snapshot.counts.get(stage, 0)}" for stage in STAGES)
    return f"  {counts}  | {_speed(snapshot)}"


def _speed(snapshot: Snapshot) -> str:
    latency = f", file to row {snapshot.latency:.1f} s" if snapshot.latency is not None else ""
    note = f"  {snapshot.note}" if snapshot.note else ""
    return f"{snapshot.images_per_second:.1f} images/s{latency}, {snapshot.seconds:.0f} s{note}"
