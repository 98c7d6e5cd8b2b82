"""The end of a demo: bars, a picture, and names that cannot act in a terminal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from local_stack.run.demo_report import discrepancy_line, save_histogram, terminal_bars


def test_scores_are_a_line_of_bars_from_the_smallest_to_the_largest() -> None:
    assert terminal_bars([100, 200, 200, 300], bins=10) == "▄    █   ▄"
    assert terminal_bars([]) == "(no scores)"


@pytest.mark.parametrize("values", [[100, 200, 200, 300], [7], list(range(0, 261_120, 100))])
def test_histogram_is_a_picture_whose_highest_bar_reaches_the_top(values: list[int], tmp_path: Path) -> None:
    save_histogram(values, tmp_path / "scores.png")
    with Image.open(tmp_path / "scores.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (880, 480))
        pixels = np.asarray(picture.convert("RGB"))
    blue = np.argwhere((pixels == (0x2F, 0x6F, 0x9F)).all(axis=2))
    assert blue[:, 0].min() == 50


def test_discrepancy_shows_its_name_and_obeys_nothing_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    Console().print(discrepancy_line("red", "lost", "[bold]\x1b[2J.png", "made by the device"))
    assert capsys.readouterr().out == "  lost [bold]\\u001b[2J.png: made by the device\n"
