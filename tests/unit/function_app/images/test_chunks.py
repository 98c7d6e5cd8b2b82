"""Which chunks a grey PNG may have, and that none but those of the picture itself reach the decoder."""

from __future__ import annotations

import itertools
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from function_app.images.image import Reason, Unreadable, read_image
from function_app.images.png import read_header
from function_app.settings import ImageLimits

LIMITS = ImageLimits()
KINDS = list(itertools.product((1, 2, 4, 8), (False, True)))


def reason(data: bytes) -> Reason | None:
    verdict = read_image(data, LIMITS)
    return verdict.reason if isinstance(verdict, Unreadable) else None


def total(data: bytes) -> int | None:
    verdict = read_image(data, LIMITS)
    return None if isinstance(verdict, Unreadable) else int(verdict.sum(dtype=int))


WHITE = [[255] * 32] * 32
FULL = 255 * 1024
FRAME = struct.pack(">IIIIIHHBB", 0, 1, 1, 0, 0, 1, 1, 0, 0)  # of 1x1 pixels
BLACK = zlib.compress(bytes(33 * 32))


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize(
    "chunks",
    [
        [(b"fcTL", FRAME)],
        [(b"fcTL", FRAME), (b"fdAT", b"\0\0\0\1" + BLACK)],
        [(b"fdAT", b"\0\0\0\0" + BLACK)],
    ],
    ids=["fcTL", "fcTL and fdAT", "fdAT"],
)
def test_frames_without_an_animation_leave_the_picture_as_it_is(
    encode_png: Callable[..., bytes],
    png_chunk: Callable[..., bytes],
    where: str,
    chunks: list[tuple[bytes, bytes]],
) -> None:
    frames = b"".join(png_chunk(kind, body) for kind, body in chunks)
    assert total(encode_png(WHITE, **{where: frames})) == FULL


MALFORMED = {
    "short gAMA": (b"gAMA", b"\0"),
    "short cHRM": (b"cHRM", b"\0" * 31),
    "empty sRGB": (b"sRGB", b""),
    "short pHYs": (b"pHYs", b"\0" * 8),
    "iCCP without NUL": (b"iCCP", b"x" * 90),
    "iCCP of method 1": (b"iCCP", b"x\0\1" + zlib.compress(b"profile")),
    "zTXt of method 1": (b"zTXt", b"x\0\1" + zlib.compress(b"text")),
    "iTXt of invalid UTF-8": (b"iTXt", b"x\0\1\0\0\0" + zlib.compress(b"\xff" * 9)),
    "tIME of month 13": (b"tIME", bytes([7, 232, 13, 1, 0, 0, 0])),
    "eXIf of noise": (b"eXIf", b"MM\0*\xff\xff\xff\xff"),
    "unknown, reserved bit set": (b"abcd", b"x"),
}


@pytest.mark.parametrize("name", MALFORMED)
@pytest.mark.parametrize("where", ["before", "after"])
def test_what_an_ancillary_chunk_holds_decides_nothing(
    encode_png: Callable[..., bytes], png_chunk: Callable[..., bytes], where: str, name: str
) -> None:
    assert total(encode_png(WHITE, **{where: png_chunk(*MALFORMED[name]) * 2})) == FULL


def test_chunks_that_are_bombs_are_left_packed(
    encode_png: Callable[..., bytes], png_chunk: Callable[..., bytes]
) -> None:
    """As each is 1 MiB of deflated text, the time is that of a checksum; unpacked it was seconds."""
    text = zlib.compress(b"\xff" * 900_000)
    for kind, body in ((b"zTXt", b"k\0\0"), (b"iTXt", b"k\0\1\0\0\0"), (b"iCCP", b"k\0\0")):
        bomb = png_chunk(kind, body + text)
        data = encode_png(WHITE, before=bomb * (1_040_000 // len(bomb)))
        assert total(data) == FULL
        assert _quickest(data) < 0.2


def idat(png_chunk: Callable[..., bytes], *bodies: bytes) -> bytes:
    return b"".join(png_chunk(b"IDAT", body) for body in bodies)


def test_the_order_of_the_chunks_that_make_the_picture_is_kept(
    encode_png: Callable[..., bytes], png_chunk: Callable[..., bytes]
) -> None:
    whole = encode_png(WHITE)
    head, end = whole[:33], png_chunk(b"IEND")
    stream = zlib.compress((b"\0" + b"\xff" * 32) * 32)
    one, two, note = stream[:9], stream[9:], png_chunk(b"tEXt", b"k\0v")
    palette = png_chunk(b"PLTE", bytes(6))
    assert total(head + idat(png_chunk, b"", one, b"", two, b"") + note + end) == FULL
    for wrong in (
        idat(png_chunk, one) + note + idat(png_chunk, two),
        idat(png_chunk, b"") + note + idat(png_chunk, one, two),
        idat(png_chunk, one, two) + note + idat(png_chunk, b""),
        idat(png_chunk, two, one),
        idat(png_chunk, one, one, two),
        palette + idat(png_chunk, stream),
        palette + palette + idat(png_chunk, stream),
        idat(png_chunk, stream) + palette,
        note,
        b"",
    ):
        assert reason(head + wrong + end) is Reason.DAMAGED
    assert reason(whole[:8] + note + whole[8:]) is Reason.DAMAGED
    assert reason(head + idat(png_chunk, stream) + png_chunk(b"IEND", b"\0")) is Reason.DAMAGED
    assert reason(head + idat(png_chunk, stream) + end + note) is Reason.TRAILING_DATA


@pytest.mark.parametrize("more", [1, 33, 60_000])
def test_picture_data_that_go_on_after_the_last_row_are_damage(
    encode_png: Callable[..., bytes], more: int
) -> None:
    rows = (b"\0" + b"\xff" * 32) * 32
    assert reason(encode_png(WHITE, raw=rows + bytes(more))) is Reason.DAMAGED
    assert reason(encode_png(WHITE, raw=rows[:-1])) is Reason.DAMAGED


def test_bytes_that_an_encoder_left_behind_the_stream_are_ignored_and_a_further_chunk_is_not(
    encode_png: Callable[..., bytes], png_chunk: Callable[..., bytes]
) -> None:
    head, end = encode_png(WHITE)[:33], png_chunk(b"IEND")
    stream = zlib.compress((b"\0" + b"\xff" * 32) * 32)
    assert total(head + idat(png_chunk, stream + bytes(500)) + end) == FULL
    assert total(head + idat(png_chunk, stream[:5], stream[5:] + b"x", b"") + end) == FULL
    assert reason(head + idat(png_chunk, stream, b"x") + end) is Reason.DAMAGED
    assert reason(head + idat(png_chunk, stream, stream) + end) is Reason.DAMAGED


@pytest.mark.parametrize(("depth", "interlaced"), KINDS)
def test_a_filter_type_that_png_does_not_define_is_damage_in_every_pass(
    encode_png: Callable[..., bytes], depth: int, interlaced: bool
) -> None:
    rows = read_header(encode_png(WHITE, depth, interlaced=interlaced, raw=b"")).scanlines()
    raw = bytes(sum(length * count for length, count in rows))
    assert total(encode_png(WHITE, depth, interlaced=interlaced, raw=raw)) == 0
    start = 0
    for length, count in rows:
        last = start + length * (count - 1)
        wrong = raw[:last] + b"\5" + raw[last + 1 :]
        verdict = read_image(encode_png(WHITE, depth, interlaced=interlaced, raw=wrong), LIMITS)
        assert isinstance(verdict, Unreadable)
        assert "filter type" in verdict.detail
        start += length * count


def test_a_megabyte_of_the_smallest_chunks_is_read_quickly_in_little_memory(
    encode_png: Callable[..., bytes], png_chunk: Callable[..., bytes]
) -> None:
    """The most chunks that 1 MiB can hold; every one of them has its checksum and its type looked at."""
    for small in (png_chunk(b"prVt"), png_chunk(b"IDAT")):
        data = encode_png(WHITE, before=small * (1_040_000 // len(small)))
        tracemalloc.start()
        assert total(data) == FULL
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 5_000_000
        assert _quickest(data) < 0.2


def _quickest(data: bytes) -> float:
    """Seconds of the processor, of three reads: what else runs here does not count."""
    seconds = []
    for _ in range(3):
        started = time.thread_time()
        read_image(data, LIMITS)
        seconds.append(time.thread_time() - started)
    return min(seconds)
