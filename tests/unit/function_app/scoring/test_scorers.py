"""The numbers that an image gets, and the names they are stored under."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from function_app.images.image import GreyPixels
from function_app.scoring.scorers import SCORERS, score_all

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def picture(*levels: int, rest: int = 0) -> GreyPixels:
    """32x32 grey levels: these, then all the same."""
    return np.array([*levels, *[rest] * (1024 - len(levels))], dtype=np.uint8).reshape(32, 32)


def value_of(scorer: str, version: str, pixels: GreyPixels) -> int:
    [value] = [s.value for s in score_all(pixels, NOW) if (s.scorer, s.scorer_version) == (scorer, version)]
    return value


@pytest.mark.parametrize(
    ("pixels", "total"),
    [(picture(), 0), (picture(rest=255), 261_120), (picture(1, 2, 255), 258), (picture(3, rest=1), 1026)],
)
def test_pixel_sum_adds_up_every_grey_level(pixels: GreyPixels, total: int) -> None:
    assert value_of("pixel_sum", "1", pixels) == total


def test_every_scorer_gives_one_number_under_a_name_and_version_of_its_own() -> None:
    """A second number under one name and version is a ConflictingResult: no image would be saved any more."""
    given = Counter((score.scorer, score.scorer_version) for score in score_all(picture(rest=7), NOW))
    assert given == {(scorer.name, scorer.version): 1 for scorer in SCORERS}
