"""How long to wait before trying again. Pure: randomness comes in as a number."""

from __future__ import annotations

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0


def delay_seconds(
    failures: int,
    chance: float,
    *,
    first: float = FIRST_DELAY_SECONDS,
    longest: float = LONGEST_DELAY_SECONDS,
) -> float:
    """Seconds to wait after ``failures`` failures in a row: doubling, capped, and spread by ``chance`` in [0, 1).

    Spread over the upper half, so that many agents cut off together do not come back together.
    """
    if failures <= 0:
        return 0.0
    ceiling = min(longest, first * 2.0 ** min(failures - 1, 32))
    return ceiling * (0.5 + chance / 2)
