"""Scorers by name and version. Pure: grey pixels in, one exact integer out.

What a scorer measures never changes under the same version: rows are compared across years.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from function_app.images.image import GreyPixels
from function_app.models.runs import Score


@dataclass(frozen=True)
class Scorer:
    """A named, versioned function from pixels to an integer."""

    name: str
    version: str
    measure: Callable[[GreyPixels], int]


def pixel_sum(pixels: GreyPixels) -> int:
    """The sum of all grey levels; for 32x32 pixels 0 (black) to 261,120 (white)."""
    return int(pixels.sum(dtype=np.int64))


SCORERS: tuple[Scorer, ...] = (Scorer("pixel_sum", "1", pixel_sum),)


def score_all(pixels: GreyPixels, scored_at: datetime) -> tuple[Score, ...]:
    """Every registered scorer's number for one image."""
    return tuple(Score(s.name, s.version, s.measure(pixels), scored_at) for s in SCORERS)
