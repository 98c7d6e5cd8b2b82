"""Images that the pipeline must reject, one function per kind; what a broken or hostile device may send. Pure."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from local_agent.simulator.images import SIDE, MadeImage, encode, good_image, random_source

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BOMB_SIDE = 20_000  # 400 million pixels in about 50 KB


def bad_image(seed: int, number: int, position: int) -> MadeImage:
    """The ``position``-th bad image of a run: the kinds take turns."""
    kind = KINDS[position % len(KINDS)]
    return MadeImage(_MAKERS[kind](seed, number), None, kind)


def truncated(seed: int, number: int) -> bytes:
    """A good file cut off somewhere in its second half, as by a full disk or a pulled cable."""
    content = good_image(seed, number).content
    return content[: len(content) // 2 + int(random_source(seed, number).integers(0, len(content) // 4))]


def bad_crc(seed: int, number: int) -> bytes:
    """A good file with one bit of the pixel data's checksum turned over."""
    content = bytearray(good_image(seed, number).content)
    start = content.index(b"IDAT") - 4
    (length,) = struct.unpack(">I", content[start : start + 4])
    content[start + 8 + length] ^= 1
    return bytes(content)


def wrong_size(seed: int, number: int) -> bytes:
    """A sound image with one column too many."""
    levels = random_source(seed, number).integers(0, 256, (SIDE, SIDE + 1), dtype=np.uint8)
    return encode(Image.fromarray(levels))


def rgb(seed: int, number: int) -> bytes:
    """A colour image of the right size: converting it would be guessing."""
    levels = random_source(seed, number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    return encode(Image.fromarray(levels))


def sixteen_bit(seed: int, number: int) -> bytes:
    """Sixteen-bit grey of the right size: libraries disagree on its sum."""
    levels = random_source(seed, number).integers(0, 65536, (SIDE, SIDE), dtype=np.uint16)
    return encode(Image.fromarray(levels))


def not_a_png(seed: int, number: int) -> bytes:
    """Text under the name of an image."""
    return f"sensor {seed} error {number}: no frame\n".encode("ascii") * 8


def empty(seed: int, number: int) -> bytes:
    """Nothing at all."""
    return b""


def decompression_bomb(seed: int, number: int) -> bytes:
    """A small file that unpacks into 400 million pixels."""
    header = struct.pack(">IIBBBBB", _BOMB_SIDE, _BOMB_SIDE, 1, 0, 0, 0, 0)
    row = bytes(1 + _BOMB_SIDE // 8)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(row * 1000) for _ in range(_BOMB_SIDE // 1000)) + packer.flush()
    note = f"number\0{seed}-{number}".encode("ascii")  # so that no two have the same bytes
    return (
        _SIGNATURE
        + _chunk(b"IHDR", header)
        + _chunk(b"tEXt", note)
        + _chunk(b"IDAT", rows)
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


_MAKERS: dict[str, Callable[[int, int], bytes]] = {
    "truncated": truncated,
    "bad_crc": bad_crc,
    "wrong_size": wrong_size,
    "rgb": rgb,
    "sixteen_bit": sixteen_bit,
    "not_a_png": not_a_png,
    "empty": empty,
    "decompression_bomb": decompression_bomb,
}
KINDS = tuple(_MAKERS)
