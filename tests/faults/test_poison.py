"""Poison and hostile bytes: every flip, cut and bomb has a named outcome, quickly, in little memory."""

from __future__ import annotations

import random
import resource
import time
import tracemalloc
import zlib

import pytest
from kit.pictures import SIGNATURE, chunk, grey_png, header
from kit.pipeline import Pipeline
from kit.report import Report

from function_app.images.image import Reason, Unreadable, read_image
from function_app.scoring.scorers import score_all
from function_app.settings import ImageLimits
from local_stack.reconcile.second_reader import expected_sum

LIMITS = ImageLimits()
_REASONS = set(Reason)


def _sum(data: bytes) -> int | None:
    from datetime import UTC, datetime

    read = read_image(data, LIMITS)
    if isinstance(read, Unreadable):
        assert read.reason in _REASONS
        return None
    return next(
        int(s.value) for s in score_all(read, datetime(2026, 1, 1, tzinfo=UTC)) if s.scorer == "pixel_sum"
    )


@pytest.mark.timeout(1200)
def test_no_flip_of_a_single_bit_scores_wrongly(report: Report, seed: int, full: bool) -> None:
    """A damaged image is rejected, or, where the flip is in no pixel, scored as before."""
    wrong = tried = slow = 0
    for picture in range(10 if full else 1):
        whole = grey_png(seed + picture)
        right = _sum(whole)
        assert right == expected_sum(whole)
        for bit in range(len(whole) * 8):
            damaged = bytearray(whole)
            damaged[bit // 8] ^= 1 << bit % 8
            started = time.perf_counter()
            wrong += _sum(bytes(damaged)) not in (None, right)
            slow += time.perf_counter() - started > 2
            tried += 1
    report.zeros(report.figures(wrong=wrong, stuck=slow, images=tried))


def test_every_truncation_is_rejected(report: Report, seed: int) -> None:
    """No part of a file passes for the whole."""
    whole = grey_png(seed)
    wrong = sum(_sum(whole[:length]) is not None for length in range(len(whole)))
    report.zeros(report.figures(wrong=wrong, images=len(whole)))


@pytest.mark.timeout(600)
def test_random_damage_never_raises_and_agrees_with_the_oracle(report: Report, seed: int, full: bool) -> None:
    """Splices, repeats and noise, with checksums mended so that they reach the decoder; mixed with good ones."""
    chance = random.Random(seed)
    wrong = slow = 0
    count = 20_000 if full else 1_500
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(count):
        data = grey_png(number) if number % 2 else _damaged(chance, number)
        started = time.perf_counter()
        found = _sum(data)
        slow += time.perf_counter() - started > 2
        wrong += int(found != expected_sum(data) or (number % 2 == 1 and found is None))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    report.zeros(report.figures(wrong=wrong, stuck=slow, images=count, notes={"rss_growth_mb": round(grown)}))
    assert grown < 50


def _damaged(chance: random.Random, number: int) -> bytes:
    kind = chance.randrange(6)
    rows = b"".join(
        bytes([chance.randrange(8)]) + chance.randbytes(32) for _ in range(chance.choice([31, 32, 33]))
    )
    body = zlib.compress(rows)
    if kind == 0:
        body = body[: chance.randrange(len(body))]
    if kind == 1:
        body = bytes(byte ^ (chance.random() < 0.01) for byte in body)
    size = header(
        chance.choice([32, 31, 0]), 32, chance.choice([1, 2, 4, 8, 16, 3]), chance.choice([0, 0, 2, 3, 4])
    )
    extra = chunk(chance.choice([b"tEXt", b"tRNS", b"acTL", b"zTXt", b"iCCP", b"PLTE", b"gAMA", b"ABCD"]),
                  chance.randbytes(chance.randrange(40))) if kind in (2, 3) else b""  # fmt: skip
    whole = SIGNATURE + size + extra + chunk(b"IDAT", body) * (2 if kind == 4 else 1) + chunk(b"IEND")
    return chance.randbytes(chance.randrange(200)) if kind == 5 and number % 4 == 0 else whole


_BOMB = zlib.compress(bytes(64 << 20), 9)


BOMBS = {
    "huge_size": SIGNATURE + header(2**31 - 1, 2**31 - 1) + chunk(b"IDAT", _BOMB) + chunk(b"IEND"),
    "idat_bomb": SIGNATURE + header() + chunk(b"IDAT", _BOMB) + chunk(b"IEND"),
    "text_bomb": SIGNATURE
    + header()
    + chunk(b"zTXt", b"a\0\0" + _BOMB)
    + chunk(b"IDAT", _BOMB)
    + chunk(b"IEND"),
    "profile_bomb": SIGNATURE + header() + chunk(b"iCCP", b"a\0\0" + _BOMB) + chunk(b"IEND"),
    "giant_text": SIGNATURE + header() + chunk(b"tEXt", b"a\0" + bytes(2 << 20)) + chunk(b"IEND"),
    "length_header": SIGNATURE + b"\xff\xff\xff\xff" + header()[4:],
    "length_chunk": SIGNATURE + header() + b"\xff\xff\xff\xffIDAT",
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_bombs_are_refused_at_once_in_little_memory(data: bytes, report: Report) -> None:
    """At most 0.1 s and 20 MB."""
    tracemalloc.start()
    started = time.perf_counter()
    answer = read_image(data, LIMITS)
    seconds = time.perf_counter() - started
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    report.zeros(report.figures(wrong=int(not isinstance(answer, Unreadable)), stuck=int(seconds > 0.1), images=1,
                                notes={"seconds": round(seconds, 4), "megabytes": round(peak, 1)}))  # fmt: skip
    assert peak < 20


@pytest.mark.timeout(600)
def test_poison_among_good_images_is_rejected_by_name_at_the_first_try(
    pipeline: Pipeline, report: Report, seed: int, full: bool
) -> None:
    """One to one with good ones; none is tried again, and no part ends or starts again because of it."""
    count = 400 if full else 25
    chance = random.Random(seed)
    lives = [child.pid for child in (pipeline.host, pipeline.agent, pipeline.azurite)]
    poison = list(BOMBS.values())
    while len(poison) < count:
        damaged = _damaged(chance, 4 * len(poison))
        if expected_sum(damaged) is None and len(damaged) > 0:
            poison.append(damaged)
    for number, content in enumerate(poison):
        pipeline.put(f"poison-bad-{number}.png".encode(), content)
        pipeline.put(f"poison-good-{number}.png".encode(), grey_png(seed + 200_000 + number))
    balance, seconds = pipeline.drained(300, made=2 * count, prefix="poison-")
    retried = reasons = 0
    for run in pipeline.api.runs({"state": "rejected"}):
        if (run.get("source_name") or "").startswith("poison-"):
            retried += run["failed_try_count"]
            reasons += run["reason"] in _REASONS
    report.balanced(balance, seconds, 2 * count, retried=retried, named=reasons)
    assert retried == 0
    assert [child.pid for child in (pipeline.host, pipeline.agent, pipeline.azurite)] == lives
    assert all(child.exit_code() is None for child in (pipeline.host, pipeline.agent, pipeline.azurite))
    # One is over 1 MiB: the agent keeps it on the device, with its reason beside it.
    assert (reasons, balance.rejected) == (count - 1, count)
