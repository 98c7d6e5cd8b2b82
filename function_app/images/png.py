"""The structure of a PNG file: header, chunks, checksums, and a proper end.

Pure; decodes no pixels. Pillow alone accepts files without an end chunk, with bytes after it and
with more than one frame, and knows a picture's size only after parsing; this module does not.
Source of the rules: the PNG specification (W3C), sections 5 and 11.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = 33  # signature 8 + length 4 + type 4 + IHDR 13 + CRC 4
_KINDS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}
_CRITICAL = {b"IHDR", b"PLTE", b"IDAT", b"IEND"}
# Encoders may pad the compressed stream with an unused row or so; a bomb needs far more.
_SLACK = 65_536


class PngFault(Exception):  # noqa: N818  (a finding about a file, not an error of ours)
    """What is wrong with the file; ``reason`` is one of the codes of ``image.Reason``."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason


@dataclass(frozen=True)
class Header:
    """What IHDR says. Sizes in pixels."""

    width: int
    height: int
    bit_depth: int
    colour_type: int
    interlaced: bool

    @property
    def is_grey(self) -> bool:
        """Grey without an alpha channel."""
        return self.colour_type == 0

    @property
    def kind(self) -> str:
        """For people: "16-bit grey", "8-bit RGB"..."""
        return f"{self.bit_depth}-bit {_KINDS.get(self.colour_type, 'unknown colour type')}"

    @property
    def raw_bytes(self) -> int:
        """Length of the decompressed picture data, filter bytes included, of a one-channel picture."""
        return sum(
            rows * (1 + (columns * self.bit_depth + 7) // 8)
            for columns, rows in self._passes()
            if columns and rows
        )

    def _passes(self) -> list[tuple[int, int]]:
        """(columns, rows) of each pass: one, or the seven of Adam7."""
        if not self.interlaced:
            return [(self.width, self.height)]
        starts_and_steps = [
            (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
        ]  # fmt: skip
        return [
            (max(0, (self.width - x + dx - 1) // dx), max(0, (self.height - y + dy - 1) // dy))
            for x, y, dx, dy in starts_and_steps
        ]


def read_header(data: bytes) -> Header:
    """The header, from the first 33 bytes alone. Raises PngFault: not_png, truncated or damaged."""
    if not data.startswith(SIGNATURE):
        if SIGNATURE.startswith(data):
            raise PngFault("truncated", "The file ends within the PNG signature.")
        raise PngFault("not_png", "The file does not begin with the PNG signature.")
    if len(data) < _HEADER_END:
        raise PngFault("truncated", "The file ends within its header.")
    length, kind = struct.unpack_from(">I4s", data, 8)
    if length != 13 or kind != b"IHDR":
        raise PngFault("damaged", "The file does not begin with a header chunk.")
    if zlib.crc32(data[12:29]) != int.from_bytes(data[29:33], "big"):
        raise PngFault("damaged", "The checksum of the header is wrong.")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if compression != 0 or filtering != 0 or interlace > 1 or colour not in _KINDS:
        raise PngFault("damaged", "The header has a value that PNG does not define.")
    return Header(width, height, depth, colour, interlace == 1)


def check_chunks(data: bytes, header: Header) -> None:
    """Walk all chunks of a grey PNG to its very end.

    Raises PngFault: truncated, trailing_data, damaged (a CRC, the Adler checksum, the order),
    animated (acTL) or transparent (tRNS).
    """
    picture_data: list[bytes] = []
    position = len(SIGNATURE)
    while position < len(data):
        if position + 12 > len(data):
            raise PngFault("truncated", "The file ends within a chunk.")
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            raise PngFault("truncated", "The file ends within a chunk.")
        if zlib.crc32(data[position + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            raise PngFault("damaged", "The checksum of a chunk is wrong.")
        _check_kind(kind, first=position == len(SIGNATURE))
        if kind == b"IDAT":
            picture_data.append(data[position + 8 : end - 4])
        if kind == b"IEND":
            if length != 0:
                raise PngFault("damaged", "The end chunk is not empty.")
            if end != len(data):
                raise PngFault("trailing_data", f"{len(data) - end} bytes follow the end of the picture.")
            return _check_stream(b"".join(picture_data), header.raw_bytes)
        position = end
    raise PngFault("truncated", "The file ends without an end chunk.")


def _check_kind(kind: bytes, *, first: bool) -> None:
    if kind == b"IHDR" and not first:
        raise PngFault("damaged", "The file has more than one header.")
    if kind == b"acTL":
        raise PngFault("animated", "The file is an animation.")
    if kind == b"tRNS":
        raise PngFault("transparent", "The picture has transparent pixels.")
    if not kind.isalpha() or not kind.isascii():
        raise PngFault("damaged", "A chunk has an impossible type.")
    if not kind[0] & 0x20 and kind not in _CRITICAL:
        raise PngFault("damaged", "The file has a critical chunk that PNG does not define.")


def _check_stream(compressed: bytes, expected: int) -> None:
    """Decompress, bounded, to reach the Adler checksum that pixel decoders stop short of."""
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(compressed, expected + _SLACK)
    except zlib.error:
        raise PngFault("damaged", "The picture data is not a valid compressed stream.") from None
    if not inflater.eof or len(raw) < expected:
        raise PngFault("damaged", "The picture data is incomplete or far too long.")
