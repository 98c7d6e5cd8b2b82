"""The end of a demo, as a person reads it: figures, the books, the scores, and where to look next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from local_stack.run.histogram import terminal_bars


def print_report(result: DemoResult, sums: Sequence[int], example_run: str | None, url: str) -> None:
    """Print it to standard output."""
    console = Console(highlight=False, soft_wrap=True)
    console.print()
    console.print(_figures(result))
    console.print(_latency_line(result))
    console.print(_books_line(result))
    for item in result.discrepancies[:20]:
        console.print(f"  [red]{item['kind']}[/red] {item['name']}: {item['explanation']}")
    if sums:
        console.print(f"\n  Scores {min(sums):,} to {max(sums):,}  {terminal_bars(sums)}")
    if result.histogram:
        console.print(f"  Histogram  {result.histogram}")
    console.print(f"  Database   {result.database}")
    if example_run:
        console.print(f"  One run    curl {url}/api/runs/{example_run}   (while it is up: --keep)")
    console.print()


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


def _books_line(result: DemoResult) -> str:
    verdict = "[green]The books balance[/green]" if result.balanced else "[red]The books do NOT balance[/red]"
    return (
        f"  {verdict}: {result.made} made = {result.scored} scored + {result.rejected} rejected"
        f" + {result.failed} failed + {result.waiting} waiting;"
        f" {result.lost} lost, {result.duplicate_rows} doubled, {result.wrong_sums} wrong"
    )


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
