"""What a simulated run makes and when: which images are bad, what they are called, when each is due. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from local_agent.simulator.damage import bad_image
from local_agent.simulator.images import MadeImage, Mode, good_image


@dataclass(frozen=True)
class Run:
    """One run of the simulated device. ``images`` None never ends; ``rate`` is per second, 0 as fast as possible;
    ``burst`` images come at once, at the same average rate."""

    seed: int
    images: int | None
    bad: int = 0
    rate: float = 10.0
    burst: int = 1
    mode: Mode = Mode.GREY8
    prefix: str = "image"

    def numbers(self) -> Iterator[int]:
        """The numbers of the images, in the order they are made."""
        return iter(range(self.images)) if self.images is not None else count()

    def bad_position(self, number: int) -> int | None:
        """Which of the bad images this one is, or None for a good one; they are spread evenly."""
        total = self.images if self.images is not None else 100  # without an end: --bad in every hundred
        if self.bad <= 0 or total <= 0:
            return None
        cycle, place = divmod(number, total)
        before, after = place * self.bad // total, (place + 1) * self.bad // total
        return None if before == after else cycle * self.bad + before

    def image(self, number: int) -> MadeImage:
        """The bytes of image ``number`` and what must become of it."""
        position = self.bad_position(number)
        if position is None:
            return good_image(self.seed, number, self.mode)
        return bad_image(self.seed, number, position)

    def name(self, number: int) -> str:
        """The file name of image ``number``: one run never uses a name twice."""
        return f"{self.prefix}-{self.seed}-{number:06d}.png"

    def due(self, number: int) -> float:
        """Seconds after the start at which image ``number`` is written."""
        if self.rate <= 0:
            return 0.0
        return (number // self.burst) * self.burst / self.rate
