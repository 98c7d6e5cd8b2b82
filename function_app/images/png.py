"""The structure of a PNG file: header, chunks, checksums, and a proper end; and what of it a decoder needs.

Pure; decodes no pixels. Pillow alone accepts files without an end chunk, with bytes after it and
with more than one frame, knows a picture's size only after parsing, and lets chunks that do not
belong to the picture (fcTL, text, profiles) decide how it is read; this module does not. Source of
the rules: the PNG specification (W3C, third edition), sections 5, 9 to 11 and 13; docs/reliability.md
has a table of them.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = 33  # signature 8 + length 4 + type 4 + IHDR 13 + CRC 4
_KINDS = {0: "grey", 2: "RGB", 3: "palette", 4: "grey with alpha", 6: "RGB with alpha"}
_LAST_FILTER_TYPE = 4  # Paeth


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
        return sum(length * rows for length, rows in self.scanlines())

    def scanlines(self) -> list[tuple[int, int]]:
        """(bytes of a row with its filter byte, number of rows) of each pass that is not empty; of one channel."""
        return [
            (1 + (columns * self.bit_depth + 7) // 8, rows)
            for columns, rows in self._passes()
            if columns and rows
        ]

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


def bare_picture(data: bytes, header: Header) -> bytes:
    """The picture of a grey PNG as a file of header, picture data and end, all of it checked: the rest is left out.

    Walks all chunks to the very end of ``data``. What an ancillary chunk holds is not looked at, and
    cannot change a grey level. Raises PngFault: truncated, trailing_data, damaged (a CRC, the Adler
    checksum, the order, the length of the picture data), animated (acTL) or transparent (tRNS).
    """
    compressed, in_last = _picture_data(data)
    unused = _check_stream(compressed, header)
    if unused and unused >= in_last:
        raise PngFault("damaged", "The picture data ends before its last chunk.")
    body = compressed[: len(compressed) - unused]
    return data[:_HEADER_END] + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _picture_data(data: bytes) -> tuple[bytes, int]:
    """The joined bodies of all IDAT chunks, and the length of the last one that is not empty."""
    view = memoryview(data)
    joined = bytearray()
    in_last, begun, before = 0, False, b"IHDR"
    position = _HEADER_END
    while position + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if end > len(data):
            break
        if zlib.crc32(view[position + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise PngFault("damaged", "The checksum of a chunk is wrong.")
        if kind == b"IDAT":
            if begun and before != b"IDAT":
                raise PngFault("damaged", "The picture data is not in one piece.")
            joined += view[position + 8 : end - 4]
            in_last, begun = length or in_last, True
        elif kind == b"IEND":
            _check_end(length, len(data) - end)
            return bytes(joined), in_last
        else:
            _check_kind(kind)
        before, position = kind, end
    raise PngFault("truncated", "The file ends within a chunk, or without an end chunk.")


def _check_end(length: int, following: int) -> None:
    if length != 0:
        raise PngFault("damaged", "The end chunk is not empty.")
    if following:
        raise PngFault("trailing_data", f"{following} bytes follow the end of the picture.")


def _check_kind(kind: bytes) -> None:
    """A chunk after the header that is neither IDAT nor IEND: may a grey PNG have it?"""
    if kind == b"IHDR":
        raise PngFault("damaged", "The file has more than one header.")
    if kind == b"acTL":
        raise PngFault("animated", "The file is an animation.")
    if kind == b"tRNS":
        raise PngFault("transparent", "The picture has transparent pixels.")
    if kind == b"PLTE":
        raise PngFault("damaged", "The file has a palette, which a grey picture cannot have.")
    if not kind.isalpha():
        raise PngFault("damaged", "A chunk has an impossible type.")
    if not kind[0] & 0x20:
        raise PngFault("damaged", "The file has a critical chunk that PNG does not define.")


def _check_stream(compressed: bytes, header: Header) -> int:
    """Decompress, bounded, to reach the Adler checksum that pixel decoders stop short of.

    Returns how many bytes follow the stream: encoders that store whole buffers leave some in the last chunk.
    """
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(compressed, header.raw_bytes + 1)
    except zlib.error:
        raise PngFault("damaged", "The picture data is not a valid compressed stream.") from None
    if not inflater.eof or len(raw) != header.raw_bytes:
        raise PngFault("damaged", "The picture data is incomplete, or goes on after the last row.")
    start = 0
    for length, rows in header.scanlines():
        if max(raw[start : start + length * rows : length]) > _LAST_FILTER_TYPE:
            raise PngFault("damaged", "A row has a filter type that PNG does not define.")
        start += length * rows
    return len(inflater.unused_data)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
