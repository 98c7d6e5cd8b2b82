"""PNG files for the faults: sound ones, written with zlib alone, and the chunks to build unsound ones of."""

from __future__ import annotations

import random
import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def header(width: int = 32, height: int = 32, depth: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def grey_png(seed: int) -> bytes:
    """A sound 32x32 picture of 8-bit grey noise."""
    rows = b"".join(b"\0" + random.Random(seed * 32 + row).randbytes(32) for row in range(32))
    return SIGNATURE + header() + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")
