"""The audit's reader, which shares no code with the app, scores and refuses what the app scores and refuses.

Where the two differ the audit calls a right row wrong: whoever teaches one of them teaches the other.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from function_app.images.image import Unreadable, read_image
from function_app.scoring.scorers import pixel_sum
from function_app.settings import ImageLimits
from local_agent.simulator.damage import KINDS, bad_image
from local_agent.simulator.images import Mode, good_image
from local_stack.reconcile.second_reader import expected_sum

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "faults"))

from kit.chunk_mutants import MutantMaker


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


@pytest.mark.parametrize("seed", range(3))
def test_both_readers_say_what_the_builder_of_a_file_knows_of_it(seed: int) -> None:
    """1,000 each; 100,000 more, of another seed each time, are in `pipeline.py faults --full`."""
    maker = MutantMaker(seed)
    scored = 0
    for _ in range(1_000):
        mutant = maker.make()
        read = read_image(mutant.content, ImageLimits())
        found = None if isinstance(read, Unreadable) else pixel_sum(read)
        assert (found, expected_sum(mutant.content)) == (mutant.sum, mutant.sum), mutant.story
        scored += found is not None
    assert scored > 200
