"""The independent reader agrees with Pillow on every plain grey image, and refuses the rest."""

from __future__ import annotations

import io
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from local_stack.reconcile.second_reader import expected_sum

PNGSUITE = Path(__file__).resolve().parents[5] / "shared" / "pngsuite"


def png(pixels: np.ndarray, **options: object) -> bytes:
    output = io.BytesIO()
    Image.fromarray(pixels).save(output, "PNG", **options)
    return output.getvalue()


SIGNATURE = b"\x89PNG\r\n\x1a\n"
NAMES = [b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"acTL", b"fcTL", b"tEXt", b"\0\0\0\0", b"ID\xc1T"]


def chunk(name: bytes, body: bytes = b"") -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def noise(seed: int, side: int = 32) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)


@pytest.mark.parametrize("seed", range(10))
def test_the_sum_of_grey_noise_is_numpys_sum(seed: int) -> None:
    assert expected_sum(png(noise(seed))) == int(noise(seed).sum())


@pytest.mark.parametrize(("bits", "step"), [(1, 255), (2, 85), (4, 17)])
def test_fewer_bits_are_scaled_to_full_range(bits: int, step: int) -> None:
    levels = noise(bits) >> (8 - bits)
    per_byte = 8 // bits
    packed = np.zeros((32, 32 // per_byte), dtype=np.uint8)
    for place in range(per_byte):
        packed |= levels[:, place::per_byte] << (8 - bits * (place + 1))
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")
        for name, body in (
            (b"IHDR", (32).to_bytes(4, "big") * 2 + bytes([bits, 0, 0, 0, 0])),
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        )
    )
    assert expected_sum(data) == int(levels.sum()) * step


def test_a_smooth_image_exercises_every_filter() -> None:
    ramp = np.add.outer(np.arange(32), np.arange(32)).astype(np.uint8) * 3
    assert expected_sum(png(ramp, optimize=True)) == int(ramp.astype(np.uint8).sum())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not an image",
        png(noise(1))[:-1],
        png(noise(1)) + b"x",
        png(noise(1, side=31)),
        png(np.dstack([noise(1)] * 3)),
        png(noise(1).astype(np.uint16) * 257),
        SIGNATURE,
        SIGNATURE + bytes(12),
        SIGNATURE + b"\xff" * 12,
        png(noise(1))[:33],
        png(noise(1))[:33] + png(noise(1))[-12:],
        SIGNATURE + png(noise(1))[-12:],
    ],
    ids=[
        "empty",
        "text",
        "truncated",
        "trailing",
        "size",
        "rgb",
        "16-bit",
        "signature",
        "signature and zeros",
        "signature and ones",
        "header",
        "header and end",
        "end",
    ],
)
def test_anything_else_must_be_rejected(data: bytes) -> None:
    assert expected_sum(data) is None


def test_every_part_of_a_file_is_refused_without_an_exception() -> None:
    whole = png(noise(2))
    assert {expected_sum(whole[:end]) for end in range(len(whole))} == {None}
    assert {expected_sum(whole[start:]) for start in range(1, len(whole))} == {None}
    assert {expected_sum(SIGNATURE + whole[start:]) for start in range(9, len(whole))} == {None}


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(NAMES) | st.binary(min_size=4, max_size=4), st.binary(max_size=40))),
       st.binary(max_size=100), st.booleans())  # fmt: skip
def test_no_bytes_at_all_make_it_raise(
    chunks: list[tuple[bytes, bytes]], rest: bytes, behind_a_header: bool
) -> None:
    start = png(noise(1))[:33] if behind_a_header else SIGNATURE
    assert expected_sum(start + b"".join(chunk(*each) for each in chunks) + rest) is None
    assert expected_sum(rest) is None


def test_a_damaged_byte_is_never_summed() -> None:
    whole = png(noise(3))
    for place in range(8, len(whole), 7):
        damaged = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        assert expected_sum(damaged) is None, place


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    bomb = zlib.compress(bytes(50_000_000))
    whole = png(noise(1))
    header_end = 8 + 25
    chunk = len(bomb).to_bytes(4, "big") + b"IDAT" + bomb + zlib.crc32(b"IDAT" + bomb).to_bytes(4, "big")
    assert expected_sum(whole[:header_end] + chunk + whole[-12:]) is None


@pytest.mark.skipif(not PNGSUITE.is_dir(), reason="PngSuite is not beside this checkout")
def test_exactly_the_28_plain_grey_files_of_pngsuite_have_a_sum() -> None:
    sums = {path.name: expected_sum(path.read_bytes()) for path in sorted(PNGSUITE.glob("*.png"))}
    accepted = {name for name, value in sums.items() if value is not None}
    assert len(accepted) == 28
    for name in accepted:
        assert sums[name] == int(np.asarray(Image.open(PNGSUITE / name).convert("L")).sum()), name


@pytest.mark.parametrize("name", [b"prVt", b"IDAT"])
def test_a_megabyte_of_the_smallest_chunks_is_read_in_little_memory(name: bytes) -> None:
    whole = png(noise(1))
    data = whole[:33] + chunk(name) * 87_000 + whole[33:]
    assert len(data) < 1 << 20
    tracemalloc.start()
    assert expected_sum(data) == int(noise(1).sum())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000
