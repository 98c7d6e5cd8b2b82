"""The statistics of a time window: their types, and the arithmetic, which is pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from function_app.models.runs import Counts, Outcome

# Percentiles and histograms rest on the newest runs of the window, this many at most, so that they cost
# the same however long the window is.
SAMPLE = 10_000
HISTOGRAM_BINS = 32

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Cell:
    """Runs of one device that were committed in the same minute or hour with the same outcome and reason."""

    start: datetime
    outcome: Outcome
    reason: str | None
    device_id: str | None
    runs: int


@dataclass(frozen=True)
class Bucket:
    """One bar of the timeline: runs committed in [start, start + Stats.bucket_seconds)."""

    start: datetime
    counts: Counts
    latency: Latency | None = None  # of those of its runs that are in the sample


@dataclass(frozen=True)
class Latency:
    """Seconds from the file being complete on the device to its row being committed, nearest rank."""

    p50: float
    p95: float
    p99: float
    runs: int  # how many runs the percentiles rest on


@dataclass(frozen=True)
class Histogram:
    """Scores of one scorer version in bins of equal width from ``lowest`` to ``highest``, both included."""

    scorer: str
    scorer_version: str
    lowest: int
    highest: int
    bins: tuple[int, ...]

    @property
    def runs(self) -> int:
        """How many scores these bins hold."""
        return sum(self.bins)


@dataclass(frozen=True)
class Stats:
    """The aggregates of a window.

    ``counts``, ``timeline``, ``rejections``, ``failures`` and ``devices`` are exact; ``latency`` (of scored
    runs whose capture time is known; None if there is none) and ``histograms`` rest on the newest SAMPLE
    scored runs. Runs without a device are under the empty name.
    """

    counts: Counts
    bucket_seconds: int
    timeline: tuple[Bucket, ...]
    rejections: dict[str, int]
    failures: dict[str, int]
    devices: dict[str, Counts]
    latency: Latency | None
    histograms: tuple[Histogram, ...]


def summarise(
    cells: Sequence[Cell],
    bucket: timedelta,
    latencies: Sequence[tuple[datetime, float]],
    values: Iterable[tuple[str, str, int]],
) -> Stats:
    """Add up cells, and compute percentiles and histograms from samples. Empty buckets are left out.

    ``latencies`` are (committed, seconds from the file to the row).
    """
    by_outcome: Counter[Outcome] = Counter()
    by_start: defaultdict[datetime, Counter[Outcome]] = defaultdict(Counter)
    by_device: defaultdict[str, Counter[Outcome]] = defaultdict(Counter)
    reasons: dict[Outcome, Counter[str]] = {outcome: Counter() for outcome in Outcome}
    for cell in cells:
        by_outcome[cell.outcome] += cell.runs
        by_start[floor(cell.start, bucket)][cell.outcome] += cell.runs
        by_device[cell.device_id or ""][cell.outcome] += cell.runs
        reasons[cell.outcome][cell.reason or ""] += cell.runs
    waited: defaultdict[datetime, list[float]] = defaultdict(list)
    for committed, seconds in latencies:
        waited[floor(committed, bucket)].append(seconds)
    return Stats(
        counts=counts_of(by_outcome),
        bucket_seconds=int(bucket.total_seconds()),
        timeline=tuple(
            Bucket(start, counts_of(by_start[start]), latency_of(waited[start])) for start in sorted(by_start)
        ),
        rejections=dict(reasons[Outcome.REJECTED].most_common()),
        failures=dict(reasons[Outcome.FAILED].most_common()),
        devices={device: counts_of(by_device[device]) for device in sorted(by_device)},
        latency=latency_of([seconds for _, seconds in latencies]),
        histograms=histograms_of(values),
    )


def counts_of(by_outcome: Counter[Outcome]) -> Counts:
    """Counts out of a counter."""
    return Counts(
        scored=by_outcome[Outcome.SCORED],
        rejected=by_outcome[Outcome.REJECTED],
        failed=by_outcome[Outcome.FAILED],
    )


def bucket_for(length: timedelta | None) -> timedelta:
    """Minutes for up to three hours, hours for up to two weeks, else days; None is everything."""
    if length is None or length > timedelta(days=14):
        return DAY
    return HOUR if length > timedelta(hours=3) else MINUTE


def floor(when: datetime, step: timedelta) -> datetime:
    """The last multiple of the step (a minute, an hour or a day, in UTC) that is not after ``when``."""
    midnight = datetime(2000, 1, 1, tzinfo=UTC)
    return midnight + (when - midnight) // step * step


def ceiling(when: datetime, step: timedelta) -> datetime:
    """The first multiple of the step that is not before ``when``."""
    below = floor(when, step)
    return below if below == when else below + step


def latency_of(seconds: Sequence[float]) -> Latency | None:
    """Nearest-rank percentiles."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return Latency(percentile(ordered, 50), percentile(ordered, 95), percentile(ordered, 99), len(ordered))


def percentile(ordered: Sequence[float], rank: int) -> float:
    """Nearest rank: the smallest of the ordered values that at least ``rank`` percent of them do not exceed.

    The definition of the agent and of the commands too; a contract test compares. Raises IndexError without a value.
    """
    return ordered[-(-len(ordered) * rank // 100) - 1]


def histograms_of(values: Iterable[tuple[str, str, int]]) -> tuple[Histogram, ...]:
    """One histogram per scorer and version, by name."""
    grouped: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for scorer, version, value in values:
        grouped[scorer, version].append(value)
    return tuple(_histogram(scorer, version, found) for (scorer, version), found in sorted(grouped.items()))


def _histogram(scorer: str, version: str, values: Sequence[int]) -> Histogram:
    lowest, highest = min(values), max(values)
    spread = highest - lowest + 1
    bins = [0] * min(HISTOGRAM_BINS, spread)
    for value in values:
        bins[(value - lowest) * len(bins) // spread] += 1
    return Histogram(scorer, version, lowest, highest, tuple(bins))
