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
_MOST_SAMPLES = 1 << 16  # more bytes than any picture of this size has: what unpacks into more is a bomb
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SCALE = {1: 255, 2: 85, 4: 17, 8: 1}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


class _RefusedError(Exception):
    """The bytes are no image that has a score."""


def expected_sum(data: bytes) -> int | None:
    """The pixel sum (0 to 261,120) of an acceptable image, or None if it must be rejected. Never raises."""
    try:
        return _read(data)
    except _RefusedError:
        return None


def _read(data: bytes) -> int:
    if len(data) > LARGEST_FILE or not data.startswith(_SIGNATURE):
        raise _RefusedError("not a PNG of acceptable size")
    chunks = list(_chunks(data))
    names = [name for name, _ in chunks]
    if len(names) < 3 or (names[0], names[-1]) != (b"IHDR", b"IEND") or chunks[-1][1]:
        raise _RefusedError("no header, no picture or no end")
    depth, interlaced = _kind_of_picture(chunks[0][1])
    bodies = [body for name, body in chunks if name == b"IDAT"]
    first = names.index(b"IDAT") if bodies else 0
    between = names[1:first] + names[first + len(bodies) : -1]
    if not bodies or not all(map(_may_be_left_out, between)):
        raise _RefusedError("not one run of picture data among chunks that do not matter to it")
    samples = _inflated(bodies)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    total, offset = 0, 0
    for left, top, across, down in passes:
        columns, rows = -(-(SIDE - left) // across), -(-(SIDE - top) // down)
        grey, offset = _pass_sum(samples, offset, columns, rows, depth)
        total += grey
    if offset != len(samples):
        raise _RefusedError("more pixel data than pixels")
    return total * _SCALE[depth]


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, body) of each chunk up to the end of the file, which is where the last one has to end."""
    offset = len(_SIGNATURE)
    while offset < len(data):
        length = int.from_bytes(data[offset : offset + 4], "big")
        name, body = data[offset + 4 : offset + 8], data[offset + 8 : offset + 8 + length]
        crc = data[offset + 8 + length : offset + 12 + length]
        if len(crc) != 4 or zlib.crc32(body, zlib.crc32(name)) != int.from_bytes(crc, "big"):
            raise _RefusedError("damaged chunk")
        yield name, body
        offset += 12 + length


def _kind_of_picture(header: bytes) -> tuple[int, bool]:
    """Bit depth, and whether it is interlaced."""
    if len(header) != 13:
        raise _RefusedError("not a header")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", header)
    if (width, height, colour) != (SIDE, SIDE, 0) or depth not in _SCALE:
        raise _RefusedError("not a 32x32 grey image of 1, 2, 4 or 8 bits")
    if compression or filtering or interlace > 1:
        raise _RefusedError("unknown method")
    return depth, interlace == 1


def _may_be_left_out(name: bytes) -> bool:
    """Four ASCII letters of which the first is small, and neither animation nor transparency."""
    letters = all(65 <= byte <= 90 or 97 <= byte <= 122 for byte in name)
    return letters and name[0] >= 97 and name not in {b"acTL", b"tRNS"}


def _inflated(bodies: list[bytes]) -> bytes:
    """What the picture data hold; their stream has to end in the last body that has bytes."""
    decompressor = zlib.decompressobj()
    parts = [body for body in bodies if body]
    try:
        samples = decompressor.decompress(b"".join(parts), _MOST_SAMPLES)
    except zlib.error as error:
        raise _RefusedError("no compressed pixel data") from error
    if not decompressor.eof or len(decompressor.unused_data) >= len(parts[-1]):
        raise _RefusedError("the pixel data end too late or too early")
    return samples


def _pass_sum(samples: bytes, offset: int, columns: int, rows: int, depth: int) -> tuple[int, int]:
    """Sum of the raw samples of one pass, and where the next one begins."""
    width = (columns * depth + 7) // 8
    above = bytes(width)
    total = 0
    for _ in range(rows):
        line = samples[offset : offset + 1 + width]
        if len(line) != 1 + width:
            raise _RefusedError("too few pixel data")
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
            raise _RefusedError("unknown filter")
        row[i] = (value + guess) & 0xFF
    return bytes(row)
