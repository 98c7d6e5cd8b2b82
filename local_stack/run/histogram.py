"""The scores as a picture: bars in the terminal, and a PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

LARGEST_SUM = 32 * 32 * 255
_BARS = " ▁▂▃▄▅▆▇█"


def terminal_bars(values: Sequence[int], bins: int = 60) -> str:
    """One line of block characters, from the smallest to the largest value."""
    if not values:
        return "(no scores)"
    low, high = min(values), max(values)
    counts = [0] * bins
    for value in values:
        counts[min(bins - 1, (value - low) * bins // max(1, high - low))] += 1
    tallest = max(counts)
    return "".join(_BARS[-(-count * (len(_BARS) - 1) // tallest)] for count in counts)


def save_png(values: Sequence[int], path: Path, title: str) -> None:
    """Draw the histogram of pixel sums to ``path``."""
    # Imported here: it takes a second, and only the end of a demo needs it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.hist(
        values, bins=min(60, max(10, len(values) // 4)), color="#2f6f9f", edgecolor="white", linewidth=0.5
    )
    axes.set_title(title)
    axes.set_xlabel(f"pixel sum (0 to {LARGEST_SUM:,})")
    axes.set_ylabel("images")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
