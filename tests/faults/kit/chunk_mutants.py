"""PNG files changed chunk by chunk, checksums right, each with what it must score: no reader is asked for that.

Every file is built of pictures whose pixels are known. A mutant has a score if, by the table "Which PNG is damaged" in
docs/reliability.md, its chunks are a header, one run of picture data and an end, and if the picture data are those of a
picture made here for that very header; its score is then the sum of the pixels that were drawn.
"""

from __future__ import annotations

import itertools
import random
import re
import struct
import zlib
from dataclasses import dataclass

from kit.pictures import SIGNATURE, chunk

Chunk = tuple[bytes, bytes]

_DEPTHS = (1, 2, 4, 8)
_PICTURES_OF_A_KIND = 3
_PASSES = {
    False: [(0, 0, 1, 1)],
    True: [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)],
}
_MANY = 1_100  # copies of one chunk, where a mutant has many
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Mutant:
    """A file, what it must score (None: rejected), and what was done to it."""

    content: bytes
    sum: int | None
    story: str


@dataclass(frozen=True)
class Picture:
    """The body of a header, a stream of picture data, and the sum of the pixels in it."""

    header: bytes
    stream: bytes
    sum: int


class MutantMaker:
    """A seeded, endless supply."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._pictures = [
            _picture(self._chance, depth, interlaced)
            for depth in _DEPTHS
            for interlaced in (False, True)
            for _ in range(_PICTURES_OF_A_KIND)
        ]
        # Critical ones are more in kind, and nearly always the end of a picture: the others come thrice.
        self._pool = [*_ancillary() * 3, *self._critical()]
        self._steps = [self._insert, self._drop, self._swap, self._duplicate, self._shorten, self._lengthen,
                       self._retype, self._behead]  # fmt: skip

    def make(self) -> Mutant:
        """The next one."""
        chunks = self._sound()
        story = []
        for _ in range(self._chance.choice([0, 1, 1, 1, 2, 2, 3, 4])):
            step = self._chance.choice(self._steps)
            step(chunks)
            story.append(step.__name__.strip("_"))
        if self._chance.random() < 0.005:
            name, body = self._chance.choice(self._pool)
            copies = min(
                _MANY, (_LARGEST - sum(12 + len(each) for _, each in chunks) - 8) // (12 + len(body))
            )
            place = self._gap(chunks)
            chunks[place:place] = [(name, body)] * copies
            story.append(f"{copies} x {name!r}")
        content = SIGNATURE + b"".join(chunk(*each) for each in chunks)
        return Mutant(
            content, self._truth(chunks), f"{', '.join(story)}: {[name for name, _ in chunks]}"[:300]
        )

    def _truth(self, chunks: list[Chunk]) -> int | None:
        letters = "".join(_letter(name) for name, _ in chunks)
        if not re.fullmatch("Ha*D+a*E", letters) or chunks[-1][1]:
            return None
        bodies = [body for name, body in chunks if name == b"IDAT"]
        joined = b"".join(bodies)
        last = next((len(body) for body in reversed(bodies) if body), 0)
        for known in self._pictures:
            behind = len(joined) - len(known.stream)
            if (
                chunks[0][1] == known.header
                and joined.startswith(known.stream)
                and (not behind or behind < last)
            ):
                return known.sum
        return None

    def _sound(self) -> list[Chunk]:
        """A picture in one to four parts, with up to two chunks that do not matter before it and after it."""
        picture = self._chance.choice(self._pictures)
        cuts = sorted(self._chance.randrange(len(picture.stream)) for _ in range(self._chance.randrange(4)))
        edges = [0, *cuts, len(picture.stream)]
        parts = [(b"IDAT", picture.stream[start:end]) for start, end in itertools.pairwise(edges)]
        around = [each for each in self._pool if _letter(each[0]) == "a"]
        before, after = (self._chance.sample(around, self._chance.randrange(3)) for _ in range(2))
        return [(b"IHDR", picture.header), *before, *parts, *after, (b"IEND", b"")]

    def _critical(self) -> list[Chunk]:
        """Chunks that make or break a picture: other headers, whole streams, broken streams, palettes."""
        headers = [(b"IHDR", picture.header) for picture in self._pictures[::_PICTURES_OF_A_KIND]]
        others = [(32, 32, 16, 0), (32, 32, 8, 2), (32, 32, 8, 3), (31, 32, 8, 0), (0, 0, 8, 0)]
        headers += [(b"IHDR", struct.pack(">IIBBBBB", *kind, 0, 0, 0)) for kind in others]
        streams = [picture.stream for picture in self._pictures]
        rows = zlib.decompress(streams[-_PICTURES_OF_A_KIND - 1])
        streams += [zlib.compress(rows + b"\0"), zlib.compress(rows[:-1]), zlib.compress(b"\5" + rows[1:])]
        streams += [zlib.compress(rows)[:-1] + b"\0", zlib.compress(bytes(4 << 20)), b"", b"\0"]
        return [
            *headers,
            *((b"IDAT", stream) for stream in streams),
            (b"PLTE", b""), (b"PLTE", bytes(6)), (b"IEND", b""), (b"IEND", b"\0"), (b"CgBI", b"1234"),
        ]  # fmt: skip

    def _place(self, chunks: list[Chunk]) -> int:
        """Any chunk, the header rarely: a file without it is refused before anything else is looked at."""
        return self._chance.randrange(int(len(chunks) > 1 and self._chance.random() < 0.95), len(chunks))

    def _gap(self, chunks: list[Chunk]) -> int:
        """Before any chunk but the header, rarely behind the end."""
        return self._place(chunks) + (self._chance.random() < 0.05)

    def _insert(self, chunks: list[Chunk]) -> None:
        chunks.insert(self._gap(chunks), self._chance.choice(self._pool))

    def _drop(self, chunks: list[Chunk]) -> None:
        if len(chunks) > 1:
            del chunks[self._place(chunks)]

    def _swap(self, chunks: list[Chunk]) -> None:
        one, other = self._place(chunks), self._place(chunks)
        chunks[one], chunks[other] = chunks[other], chunks[one]

    def _duplicate(self, chunks: list[Chunk]) -> None:
        chunks.insert(self._gap(chunks), self._chance.choice(chunks))

    def _shorten(self, chunks: list[Chunk]) -> None:
        place = self._place(chunks)
        name, body = chunks[place]
        chunks[place] = name, body[: self._chance.randrange(len(body) + 1)]

    def _lengthen(self, chunks: list[Chunk]) -> None:
        place = self._place(chunks)
        name, body = chunks[place]
        chunks[place] = name, body + self._chance.randbytes(self._chance.choice([1, 3, 40, 2_000]))

    def _retype(self, chunks: list[Chunk]) -> None:
        """To the type of another chunk, or by one bit, which is what makes a capital letter a small one."""
        place = self._place(chunks)
        name, body = chunks[place]
        flipped = bytearray(name)
        flipped[self._chance.randrange(4)] ^= self._chance.choice([0x20, 0x20, 0x01, 0x80])
        chunks[place] = self._chance.choice([bytes(flipped), self._chance.choice(self._pool)[0]]), body

    def _behead(self, chunks: list[Chunk]) -> None:
        """The header of another picture, or of no picture here."""
        chunks[0] = self._chance.choice([each for each in self._pool if each[0] == b"IHDR"])


def _letter(name: bytes) -> str:
    """H, D, E for what makes a picture, a for what does not matter to it, x for what must not be there."""
    harmless = re.fullmatch(rb"[a-z][A-Za-z]{3}", name) and name not in (b"acTL", b"tRNS")
    return {b"IHDR": "H", b"IDAT": "D", b"IEND": "E"}.get(name, "a" if harmless else "x")


def _ancillary() -> list[Chunk]:
    """Sound, malformed and hostile chunks that belong to no picture; animation and transparency among them."""
    frame = struct.pack(">IIIIIHHBB", 0, 1, 1, 0, 0, 1, 1, 0, 0)
    packed = zlib.compress(b"\xff" * 900_000, 9)
    return [
        (b"fcTL", frame), (b"fcTL", frame[:9]), (b"fdAT", b"\0\0\0\1" + zlib.compress(bytes(33 * 32))), (b"fdAT", b""),
        (b"acTL", struct.pack(">II", 2, 0)), (b"acTL", b""), (b"tRNS", b"\0\1"), (b"tRNS", b""),
        (b"gAMA", struct.pack(">I", 45455)), (b"gAMA", b"\0"), (b"cHRM", bytes(31)), (b"sRGB", b""), (b"sRGB", b"\0"),
        (b"pHYs", bytes(8)), (b"pHYs", bytes(9)), (b"sBIT", b"\5"), (b"bKGD", b"\0\1"), (b"hIST", b"\0"),
        (b"iCCP", b"x" * 90), (b"iCCP", b"x\0\0" + packed), (b"iCCP", b"x\0\1" + packed[:50]), (b"eXIf", b"MM\0*\xff"),
        (b"tEXt", b"Comment\0text"), (b"tEXt", b""), (b"zTXt", b"x\0\0" + packed), (b"zTXt", b"x\0\1" + packed[:50]),
        (b"iTXt", b"x\0\1\0\0\0" + packed), (b"iTXt", b"x"), (b"sPLT", b"x\0\7"), (b"cICP", b"\1"),
        (b"prVt", b"private"), (b"tIME", bytes([7, 232, 13, 1, 0, 0, 0])), (b"tIME", b""), (b"abcd", b"x"),
    ]  # fmt: skip


def _picture(chance: random.Random, depth: int, interlaced: bool) -> Picture:
    pixels = [[chance.randrange(1 << depth) for _ in range(32)] for _ in range(32)]
    raw = bytearray()
    for left, top, across, down in _PASSES[interlaced]:
        above = b""
        for row in pixels[top::down]:
            line = _packed(row[left::across], depth)
            raw += _filtered(chance.randrange(5), line, above or bytes(len(line)))
            above = line
    header = struct.pack(">IIBBBBB", 32, 32, depth, 0, 0, 0, int(interlaced))
    return Picture(header, zlib.compress(bytes(raw)), sum(map(sum, pixels)) * 255 // ((1 << depth) - 1))


def _packed(row: list[int], depth: int) -> bytes:
    bits = "".join(f"{sample:0{depth}b}" for sample in row)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _filtered(kind: int, line: bytes, above: bytes) -> bytes:
    """A row behind its filter type, as an encoder writes it."""
    out = bytearray([kind])
    for place, value in enumerate(line):
        left, corner = (line[place - 1], above[place - 1]) if place else (0, 0)
        up = above[place]
        nearest = min((left, up, corner), key=lambda near: abs(left + up - corner - near))
        out.append((value - (0, left, up, (left + up) // 2, nearest)[kind]) % 256)
    return bytes(out)
