"""The audit's reader, which shares no code with the app, scores and refuses what the app scores and refuses.

Where the two differ the audit calls a right row wrong: whoever teaches one of them teaches the other.
"""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from function_app.images.image import Unreadable, read_image
from function_app.scoring.scorers import pixel_sum
from function_app.settings import ImageLimits
from local_agent.simulator.damage import KINDS, bad_image
from local_agent.simulator.images import Mode, good_image
from local_stack.reconcile.second_reader import expected_sum


def filled(level: int) -> bytes:
    """A 32x32 picture of one grey level."""
    file = io.BytesIO()
    Image.fromarray(np.full((32, 32), level, dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


IMAGES = {
    **{f"grey {level}": filled(level) for level in (0, 1, 127, 254, 255)},
    **{f"{mode.value} of the device": good_image(1, 1, mode).content for mode in Mode},
    **{f"bad: {kind}": bad_image(1, 1, position).content for position, kind in enumerate(KINDS)},
}


@pytest.mark.parametrize("name", IMAGES)
def test_both_readers_say_the_same(name: str) -> None:
    read = read_image(IMAGES[name], ImageLimits())
    assert expected_sum(IMAGES[name]) == (None if isinstance(read, Unreadable) else pixel_sum(read)), read
