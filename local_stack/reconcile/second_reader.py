"""A second opinion on what an image must score, sharing no code with the pipeline.

The pipeline reads images with Pillow; this reads them with zlib alone and refuses the same things, so
that a mistake in one of the two shows up as a discrepancy. Source of the rules: the PNG
specification (chunks, filters, Adam7) and the definition of the pixel sum: the sum of 8-bit grey
levels, with samples of 1, 2 and 4 bits scaled exactly by 255, 85 and 17.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

SIDE = 32
LARGEST_FILE = 1 << 20
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SCALE = {1: 255, 2: 85, 4: 17, 8: 1}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_KNOWN_CRITICAL = {b"IHDR", b"IDAT", b"IEND", b"PLTE"}


def expected_sum(data: bytes) -> int | None:
    """The pixel sum (0 to 261,120) of an acceptable image, or None if it must be rejected."""
    try:
        return _read(data)
    except (ValueError, struct.error, zlib.error):
        return None


def _read(data: bytes) -> int:
    if len(data) > LARGEST_FILE or not data.startswith(_SIGNATURE):
        raise ValueError("not a PNG of acceptable size")
    chunks = list(_chunks(data))
    kind, header = chunks[0]
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", header)
    if kind != b"IHDR" or (width, height) != (SIDE, SIDE) or colour != 0 or depth not in _SCALE:
        raise ValueError("not a 32x32 grey image of 1, 2, 4 or 8 bits")
    if compression or filtering or interlace > 1 or chunks[-1] != (b"IEND", b""):
        raise ValueError("unknown method, or the end is missing")
    names = [name for name, _ in chunks]
    if {b"acTL", b"tRNS"} & set(names) or names.count(b"IHDR") != 1:
        raise ValueError("animated or transparent")
    if any(not name[0] & 0x20 and name not in _KNOWN_CRITICAL for name in names):
        raise ValueError("unknown critical chunk")
    decompressor = zlib.decompressobj()
    samples = decompressor.decompress(b"".join(body for name, body in chunks if name == b"IDAT"), 1 << 16)
    if not decompressor.eof:
        raise ValueError("the pixel data are incomplete")
    passes = _ADAM7 if interlace else ((0, 0, 1, 1),)
    total, offset = 0, 0
    for left, top, across, down in passes:
        columns, rows = -(-(SIDE - left) // across), -(-(SIDE - top) // down)
        grey, offset = _pass_sum(samples, offset, columns, rows, depth)
        total += grey
    if offset != len(samples):
        raise ValueError("more or fewer pixel data than pixels")
    return total * _SCALE[depth]


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    offset = len(_SIGNATURE)
    while offset < len(data):
        length, name = struct.unpack_from(">I4s", data, offset)
        body = data[offset + 8 : offset + 8 + length]
        (crc,) = struct.unpack_from(">I", data, offset + 8 + length)
        if zlib.crc32(name + body) != crc:
            raise ValueError("damaged chunk")
        yield name, body
        offset += 12 + length
        if name == b"IEND" and offset != len(data):
            raise ValueError("bytes after the end")


def _pass_sum(samples: bytes, offset: int, columns: int, rows: int, depth: int) -> tuple[int, int]:
    """Sum of the raw samples of one pass, and where the next one begins."""
    width = (columns * depth + 7) // 8
    above = bytes(width)
    total = 0
    for _ in range(rows):
        line = samples[offset : offset + 1 + width]
        if len(line) != 1 + width:
            raise ValueError("too few pixel data")
        row = _unfilter(line[0], line[1:], above)
        per_byte = 8 // depth
        for column in range(columns):
            byte, place = divmod(column, per_byte)
            total += row[byte] >> (8 - depth * (place + 1)) & ((1 << depth) - 1)
        above, offset = row, offset + 1 + width
    return total, offset


def _unfilter(kind: int, line: bytes, above: bytes) -> bytes:
    """Undo one row's filter; bytes per pixel is 1 for every depth that is accepted."""
    row = bytearray(line)
    for i, value in enumerate(line):
        left = row[i - 1] if i else 0
        up = above[i]
        corner = above[i - 1] if i else 0
        if kind == 0:
            break
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        elif kind == 4:
            guess = min((left, up, corner), key=lambda near: abs(left + up - corner - near))
        else:
            raise ValueError("unknown filter")
        row[i] = (value + guess) & 0xFF
    return bytes(row)
