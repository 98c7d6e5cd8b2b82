"""The reader accepts exactly what the definition of an image says, and never raises."""

from __future__ import annotations

import io
import itertools
import random
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from function_app.images.image import Reason, Unreadable, read_image
from function_app.settings import ImageLimits

LIMITS = ImageLimits()
PNGSUITE = Path(__file__).resolve().parents[5] / "shared" / "pngsuite"
SCALE = {1: 255, 2: 85, 4: 17, 8: 1}
KINDS = list(itertools.product((1, 2, 4, 8), (False, True)))


def reason(data: bytes, limits: ImageLimits = LIMITS) -> Reason | None:
    verdict = read_image(data, limits)
    return verdict.reason if isinstance(verdict, Unreadable) else None


def total(data: bytes) -> int | None:
    verdict = read_image(data, LIMITS)
    return None if isinstance(verdict, Unreadable) else int(verdict.sum(dtype=int))


@pytest.mark.parametrize(("depth", "interlaced"), KINDS)
def test_grey_samples_are_scaled_exactly_to_eight_bits(encode_png, random_samples, depth, interlaced):
    samples = random_samples(depth, seed=depth)
    pixels = read_image(encode_png(samples, depth, interlaced=interlaced, parts=3), LIMITS)
    assert not isinstance(pixels, Unreadable)
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == [[sample * SCALE[depth] for sample in row] for row in samples]


@pytest.mark.parametrize("mode", ["L", "1"])
def test_pictures_written_by_pillow_are_read_as_they_are(mode):
    grey = np.random.default_rng(7).integers(0, 256, (32, 32), dtype=np.uint8)
    picture = Image.fromarray(grey).convert(mode)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    assert total(out.getvalue()) == int(np.asarray(picture.convert("L")).sum(dtype=int))


def test_hints_that_do_not_change_samples_are_ignored(encode_png, png_chunk, random_samples):
    samples = random_samples(8, 1)
    hints = (
        png_chunk(b"gAMA", struct.pack(">I", 45455))
        + png_chunk(b"sBIT", b"\x05")
        + png_chunk(b"tEXt", b"Comment\x00" + b"x" * 100_000)
        + png_chunk(b"zTXt", b"Comment\x00\x00" + zlib.compress(b"x" * 200_000))
        + png_chunk(b"tIME", bytes([7, 232, 1, 1, 0, 0, 0]))
        + png_chunk(b"prVt", b"private")
    )
    assert total(encode_png(samples, before=hints)) == sum(map(sum, samples))


@pytest.mark.parametrize("depth_colour", [(16, 0), (8, 2), (16, 2), (8, 3), (1, 3), (8, 4), (16, 4), (8, 6)])
def test_other_colour_types_are_rejected_never_converted(encode_png, random_samples, depth_colour):
    depth, colour = depth_colour
    assert reason(encode_png(random_samples(8, 1), depth, colour=colour)) is Reason.UNSUPPORTED_MODE


@pytest.mark.parametrize("size", [(31, 32), (32, 31), (33, 32), (1, 1), (64, 64)])
def test_other_sizes_are_rejected(encode_png, size):
    width, height = size
    assert reason(encode_png([[0] * width for _ in range(height)])) is Reason.WRONG_SIZE


def test_the_size_is_a_setting(encode_png):
    limits = ImageLimits(width=8, height=4)
    assert reason(encode_png([[0] * 8 for _ in range(4)]), limits) is None
    assert reason(encode_png([[0] * 4 for _ in range(8)]), limits) is Reason.WRONG_SIZE


def test_an_empty_file_a_giant_and_a_text_are_named(encode_png, random_samples):
    good = encode_png(random_samples(8, 1))
    assert reason(b"") is Reason.EMPTY
    assert reason(good, ImageLimits(max_bytes=len(good) - 1)) is Reason.TOO_LARGE
    assert reason(good, ImageLimits(max_bytes=len(good))) is None
    assert reason(b"GIF89a" + good) is Reason.NOT_PNG
    assert reason(good[:5]) is Reason.TRUNCATED


def test_transparency_and_animation_are_named(encode_png, png_chunk, random_samples):
    samples = random_samples(8, 1)
    animated = png_chunk(b"acTL", struct.pack(">II", 2, 0))
    assert reason(encode_png(samples, before=png_chunk(b"tRNS", b"\x00\x01"))) is Reason.TRANSPARENT
    assert reason(encode_png(samples, before=animated)) is Reason.ANIMATED


def test_bytes_after_the_end_are_rejected_even_if_they_are_another_picture(encode_png, random_samples):
    good = encode_png(random_samples(8, 1))
    assert reason(good + b"\x00") is Reason.TRAILING_DATA
    assert reason(good + good) is Reason.TRAILING_DATA


def test_a_wrong_adler_checksum_is_damage(encode_png, png_chunk, random_samples):
    good = encode_png(random_samples(8, 1))
    at = good.index(b"IDAT")
    length = int.from_bytes(good[at - 4 : at], "big")
    data = bytearray(good[at + 4 : at + 4 + length])
    data[-1] ^= 1
    spoiled = good[: at - 4] + png_chunk(b"IDAT", bytes(data)) + png_chunk(b"IEND")
    assert reason(spoiled) is Reason.DAMAGED


def test_a_second_header_an_unknown_critical_chunk_and_missing_rows_are_damage(
    encode_png, png_chunk, random_samples
):
    samples = random_samples(8, 1)
    header = encode_png(samples)[8:33]
    assert reason(encode_png(samples, after=header)) is Reason.DAMAGED
    assert reason(encode_png(samples, before=png_chunk(b"CgBI", b"1234"))) is Reason.DAMAGED
    assert reason(encode_png(samples, raw=b"\x00" * 33 * 31)) is Reason.DAMAGED
    assert reason(encode_png(samples, raw=b"\x09" * 33 * 32)) is Reason.DAMAGED  # no such filter


def test_bombs_are_refused_without_being_inflated(encode_png, random_samples):
    bomb = encode_png(random_samples(8, 1), raw=b"\x00" * 80_000_000)
    assert len(bomb) < 1_048_576
    assert reason(bomb) is Reason.DAMAGED
    huge = bytearray(encode_png(random_samples(8, 1)))
    huge[16:24] = struct.pack(">II", 2**31 - 1, 2**31 - 1)
    huge[29:33] = struct.pack(">I", zlib.crc32(huge[12:29]))
    assert reason(bytes(huge)) is Reason.WRONG_SIZE


def accepted_after_damage(data: bytes) -> list[str]:
    """Every single-bit flip and every truncation of a file that is accepted all the same."""
    assert total(data) is not None
    accepted = []
    for position, bit in itertools.product(range(len(data)), range(8)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << bit
        if reason(bytes(flipped)) is None:
            accepted.append(f"byte {position} bit {bit}")
    return accepted + [f"cut to {end}" for end in range(len(data)) if reason(data[:end]) is None]


def test_every_single_bit_flip_and_every_truncation_of_24_files_is_rejected(encode_png, random_samples):
    files = [
        encode_png(random_samples(depth, seed), depth, interlaced=interlaced)
        for (depth, interlaced), seed in itertools.product(KINDS, range(3))
    ]
    assert len(files) == 24
    assert [accepted_after_damage(data) for data in files] == [[]] * 24


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=2000), st.booleans())
def test_no_bytes_at_all_make_it_raise(data, behind_a_signature):
    verdict = read_image((b"\x89PNG\r\n\x1a\n" if behind_a_signature else b"") + data, LIMITS)
    assert isinstance(verdict, Unreadable)
    assert verdict.detail.endswith(".")


def test_shuffled_chunks_never_make_it_raise(encode_png, png_chunk, random_samples):
    rng = random.Random(11)
    kinds = [
        b"IHDR",
        b"IDAT",
        b"IEND",
        b"PLTE",
        b"tRNS",
        b"acTL",
        b"fcTL",
        b"iCCP",
        b"zTXt",
        b"iTXt",
        b"pHYs",
    ]
    start = encode_png(random_samples(8, 1))[:33]
    for _ in range(2_000):
        chunks = [png_chunk(rng.choice(kinds), rng.randbytes(rng.randrange(40))) for _ in range(6)]
        assert reason(start + b"".join(chunks) + png_chunk(b"IEND")) is not None


@pytest.fixture(scope="module")
def suite() -> dict[str, bytes]:
    """PngSuite, file by file."""
    if not PNGSUITE.is_dir():
        pytest.skip("PngSuite is not beside this checkout")
    return {path.stem: path.read_bytes() for path in sorted(PNGSUITE.glob("*.png"))}


def test_exactly_the_28_valid_files_of_pngsuite_are_accepted(suite):
    accepted = {name: value for name, data in suite.items() if (value := total(data)) is not None}
    assert len(accepted) == 28
    for name, value in accepted.items():
        with Image.open(io.BytesIO(suite[name])) as picture:
            assert picture.size == (32, 32)
            assert value == int(np.asarray(picture.convert("L")).sum(dtype=int))


def test_every_other_file_of_pngsuite_is_rejected_by_a_reason_that_fits(suite):
    reasons = {name: reason(data) for name, data in suite.items()}
    broken = {name: why for name, why in reasons.items() if name.startswith("x")}
    assert len(broken) == 14
    assert None not in broken.values()
    for name, why in reasons.items():
        if re.match(r"basn\dg16|basi\dg16|bas[in][2346]", name):
            assert why in (Reason.UNSUPPORTED_MODE, Reason.TRANSPARENT), name
        if re.match(r"s(0[1-9]|[13]\d|40)[in]3p", name) and not re.match(r"s32", name):
            assert why is Reason.WRONG_SIZE, name


def test_every_single_bit_flip_and_every_truncation_of_pngsuites_28_is_rejected(suite):
    valid = [data for data in suite.values() if total(data) is not None]
    assert [accepted_after_damage(data) for data in valid] == [[]] * 28
