"""Seeded test images: the n-th image of a seed is always the same bytes. Pure."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from enum import Enum

import numpy as np
from PIL import Image

SIDE = 32


class Mode(Enum):
    """How the device encodes its pixels."""

    GREY8 = "grey8"
    ONE_BIT = "1bit"


@dataclass(frozen=True)
class MadeImage:
    """A file's bytes and the answer the pipeline must give: ``sum`` of grey levels 0 to 255, or None where it
    must be rejected, with the kind of ``damage``."""

    content: bytes
    sum: int | None
    damage: str | None = None

    @property
    def sha256(self) -> str:
        """Of the content, in hex."""
        return hashlib.sha256(self.content).hexdigest()


def random_source(seed: int, number: int) -> np.random.Generator:
    """The randomness of image ``number``: independent of all others, so images can be made in any order."""
    return np.random.default_rng([seed, number])


def good_image(seed: int, number: int, mode: Mode = Mode.GREY8) -> MadeImage:
    """A valid 32x32 PNG of noise and its sum; in 1-bit images a white pixel counts 255, as in any other encoding."""
    random = random_source(seed, number)
    if mode is Mode.ONE_BIT:
        bits = random.integers(0, 2, (SIDE, SIDE), dtype=np.uint8)
        levels = bits * np.uint8(255)
        picture = Image.fromarray(levels).convert("1", dither=Image.Dither.NONE)
    else:
        levels = random.integers(0, 256, (SIDE, SIDE), dtype=np.uint8)
        picture = Image.fromarray(levels)
    return MadeImage(encode(picture), int(levels.sum(dtype=np.int64)))


def encode(picture: Image.Image) -> bytes:
    """The picture as PNG bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()
