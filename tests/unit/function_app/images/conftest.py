"""A small PNG encoder, so that the reader is tried on files that no library made for it."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

import pytest

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]

Samples = list[list[int]]
Encoder = Callable[..., bytes]


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """One PNG chunk with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def pack_row(row: list[int], depth: int) -> bytes:
    """Samples of one row, most significant first, padded to whole bytes."""
    bits = "".join(format(sample, f"0{depth}b") for sample in row)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""


def filtered(rows: list[bytes], rng: random.Random) -> bytes:
    """Each row behind a filter type (none or sub) chosen at random; one byte per pixel at most."""
    out = bytearray()
    for row in rows:
        if rng.random() < 0.5:
            out += b"\x00" + row
        else:
            out += b"\x01" + bytes((b - (row[i - 1] if i else 0)) % 256 for i, b in enumerate(row))
    return bytes(out)


def encode(
    samples: Samples,
    depth: int = 8,
    *,
    colour: int = 0,
    interlaced: bool = False,
    before: bytes = b"",
    after: bytes = b"",
    raw: bytes | None = None,
    parts: int = 1,
) -> bytes:
    """A PNG of these samples; ``before``/``after`` are extra chunks around IDAT, ``raw`` replaces the data."""
    rng = random.Random(len(samples) * depth)
    height, width = len(samples), len(samples[0])
    if raw is None:
        grids = (
            [[row[x::dx] for row in samples[y::dy]] for x, y, dx, dy in _ADAM7] if interlaced else [samples]
        )
        raw = b"".join(filtered([pack_row(row, depth) for row in grid], rng) for grid in grids)
    data = zlib.compress(raw)
    step = -(-len(data) // parts)
    idat = b"".join(chunk(b"IDAT", data[i : i + step]) for i in range(0, len(data), step))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return SIGNATURE + chunk(b"IHDR", header) + before + idat + after + chunk(b"IEND")


@pytest.fixture
def encode_png() -> Encoder:
    """The encoder above."""
    return encode


@pytest.fixture
def png_chunk() -> Callable[..., bytes]:
    """One chunk with its checksum."""
    return chunk


@pytest.fixture
def random_samples() -> Callable[[int, int], Samples]:
    """32x32 samples of a depth, from a seed."""

    def make(depth: int, seed: int) -> Samples:
        rng = random.Random(seed)
        return [[rng.randrange(2**depth) for _ in range(32)] for _ in range(32)]

    return make
