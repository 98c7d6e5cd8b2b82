"""The end of a demo, as a person reads it: figures, the reconciliation, the scores as bars and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local_stack.terminal import printable

LARGEST_SUM = 32 * 32 * 255
_BARS = " ▁▂▃▄▅▆▇█"
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 880, 480, 70, 30, 50, 70  # of the picture, in pixels
_INK, _GREY, _BLUE = "#222222", "#999999", "#2f6f9f"


@dataclass(frozen=True)
class DemoResult:
    """The figures of one demo; the field names are the JSON's."""

    host: str
    made: int
    uploaded: int
    scored: int
    rejected: int
    failed: int
    waiting: int
    lost: int
    duplicate_rows: int
    wrong_sums: int
    balanced: bool
    seconds: float
    images_per_second: float
    latency_seconds: dict[str, float | None]
    device_id: str
    database: str
    histogram: str
    discrepancies: list[dict[str, str]]


def print_report(result: DemoResult, sums: Sequence[int], example_run: str | None, url: str) -> None:
    """Print it to standard output."""
    console = Console(highlight=False, soft_wrap=True)
    console.print()
    console.print(_figures(result))
    console.print(_latency_line(result))
    console.print(_reconciliation_line(result))
    for item in result.discrepancies[:20]:
        console.print(discrepancy_line("red", item["kind"], item["name"], item["explanation"]))
    if sums:
        console.print(f"\n  Scores {min(sums):,} to {max(sums):,}  {terminal_bars(sums)}")
    if result.histogram:
        console.print(f"  Histogram  {escape(result.histogram)}")
    console.print(f"  Database   {escape(result.database)}")
    if example_run:
        console.print(f"  One run    curl {url}/api/runs/{example_run}   (while it is up: --keep)")
    console.print()


def discrepancy_line(colour: str, kind: str, name: str, explanation: str) -> str:
    """One image that is amiss or on its way; its name, which a device chose, acts neither as markup nor as escape."""
    return f"  [{colour}]{kind}[/{colour}] {escape(printable(name))}: {escape(printable(explanation))}"


def terminal_bars(values: Sequence[int], bins: int = 60) -> str:
    """One line of block characters, from the smallest to the largest value."""
    if not values:
        return "(no scores)"
    counts = _counted(values, min(values), max(values), bins)
    tallest = max(counts)
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // tallest)] for count in counts)


def save_histogram(values: Sequence[int], path: Path) -> None:
    """Draw the histogram of pixel sums to ``path``, as a PNG."""
    # Imported here: only the end of a demo needs it.
    from PIL import Image, ImageDraw, ImageFont

    low, high = min(values), max(values)
    counts = _counted(values, low, high, min(60, max(10, len(values) // 4)))
    tallest, floor = max(counts), _HEIGHT - _BOTTOM
    picture = Image.new("RGB", (_WIDTH, _HEIGHT), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(15)
    step = (_WIDTH - _LEFT - _RIGHT) / len(counts)
    for number, count in enumerate(counts):
        left, top = _LEFT + number * step, floor - count * (floor - _TOP) / tallest
        if count:
            draw.rectangle((left, top, left + step - 2, floor), fill=_BLUE)
    draw.line((_LEFT, floor, _WIDTH - _RIGHT, floor), fill=_GREY)
    draw.line((_LEFT, _TOP, _LEFT, floor), fill=_GREY)
    draw.text(
        (_WIDTH / 2, _TOP / 2), f"Scores of {len(values)} images", _INK, ImageFont.load_default(18), "mm"
    )
    for at, value, anchor in ((_LEFT, low, "lt"), (_WIDTH - _RIGHT, high, "rt")):
        draw.text((at, floor + 8), f"{value:,}", _INK, font, anchor)
    draw.text((_WIDTH / 2, _HEIGHT - 20), f"pixel sum (0 to {LARGEST_SUM:,})", _INK, font, "mm")
    draw.text((_LEFT - 8, _TOP), str(tallest), _INK, font, "rt")
    draw.text((_LEFT - 8, floor), "0", _INK, font, "rb")
    draw.text((_LEFT - 8, (_TOP + floor) / 2), "images", _INK, font, "rm")
    picture.save(path, "PNG")


def _counted(values: Sequence[int], low: int, high: int, bins: int) -> list[int]:
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, (value - low) * bins // max(1, high - low))] += 1
    return counts


def _figures(result: DemoResult) -> Table:
    table = Table(title=f"{result.made} images on the {result.host} host", title_justify="left")
    columns = {
        "made": result.made, "uploaded": result.uploaded, "scored": result.scored, "rejected": result.rejected,
        "failed": result.failed, "seconds": result.seconds, "images/s": result.images_per_second,
    }  # fmt: skip
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(*(str(value) for value in columns.values()))
    return table


def _latency_line(result: DemoResult) -> str:
    shown = ", ".join(
        f"{rank} {seconds} s" for rank, seconds in result.latency_seconds.items() if seconds is not None
    )
    return f"  File complete to row committed: {shown or 'unknown'}"


def _reconciliation_line(result: DemoResult) -> str:
    verdict = "[green]Reconciled[/green]" if result.balanced else "[red]NOT reconciled[/red]"
    return (
        f"  {verdict}: {result.made} made = {result.scored} scored + {result.rejected} rejected"
        f" + {result.failed} failed + {result.waiting} waiting;"
        f" {result.lost} lost, {result.duplicate_rows} doubled, {result.wrong_sums} wrong"
    )
