"""Bytes to grey pixels, or the reason why not. Pure; never raises on any input.

Accepted: PNG of exactly the configured size, grey, 1, 2, 4 or 8 bits, without transparency or
animation, undamaged to the last byte. Everything else is rejected, never converted, because for
other kinds the sum depends on the library: for 85 of 95 valid 32x32 files of other kinds, several
libraries computed different sums.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from PIL import Image

from function_app.images.png import Header, PngFault, bare_picture, read_header
from function_app.settings import ImageLimits

GreyPixels = npt.NDArray[np.uint8]


class Reason(StrEnum):
    """Why an image is rejected: stable codes, which are stored and counted."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_PNG = "not_png"
    TRUNCATED = "truncated"
    TRAILING_DATA = "trailing_data"
    DAMAGED = "damaged"
    WRONG_SIZE = "wrong_size"
    UNSUPPORTED_MODE = "unsupported_mode"
    TRANSPARENT = "transparent"
    ANIMATED = "animated"


@dataclass(frozen=True)
class Unreadable:
    """A rejected image: the code, and one sentence for a person."""

    reason: Reason
    detail: str


def read_image(data: bytes, limits: ImageLimits) -> GreyPixels | Unreadable:
    """The grey levels (0 black to 255 white) as a uint8 array of height x width, or why not.

    Cheap checks come first, so that a decompression bomb or a huge file is rejected by its size and first 33 bytes.
    """
    if not data:
        return Unreadable(Reason.EMPTY, "The file has no bytes.")
    if len(data) > limits.max_bytes:
        return Unreadable(Reason.TOO_LARGE, f"{len(data)} bytes; at most {limits.max_bytes} are accepted.")
    try:
        header = read_header(data)
        refusal = _refusal(header, limits)
        if refusal is not None:
            return refusal
        picture = bare_picture(data, header)
    except PngFault as fault:
        return Unreadable(Reason(fault.reason), str(fault))
    return _decode(picture, limits)


def _refusal(header: Header, limits: ImageLimits) -> Unreadable | None:
    if (header.width, header.height) != (limits.width, limits.height):
        size, wanted = f"{header.width}x{header.height}", f"{limits.width}x{limits.height}"
        return Unreadable(Reason.WRONG_SIZE, f"{size} pixels; must be {wanted}.")
    if not header.is_grey or header.bit_depth not in (1, 2, 4, 8):
        return Unreadable(Reason.UNSUPPORTED_MODE, f"{header.kind}; must be grey with 1, 2, 4 or 8 bits.")
    return None


def _decode(data: bytes, limits: ImageLimits) -> GreyPixels | Unreadable:
    """Decode, with Pillow, a file of which every byte is judged: what Pillow makes of other chunks decides nothing."""
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            picture.load()
            pixels = np.asarray(picture.convert("L"), dtype=np.uint8)
    # No file is known that gets here and cannot be decoded. If there is one, it is one image's damage
    # and not twenty tries: Pillow has raised OSError, SyntaxError, IndexError, struct.error...
    except Exception as error:  # noqa: BLE001
        return Unreadable(Reason.DAMAGED, f"The picture data cannot be decoded ({type(error).__name__}).")
    if pixels.shape != (limits.height, limits.width):
        return Unreadable(Reason.DAMAGED, "The decoded picture does not have the size in its header.")
    return pixels
