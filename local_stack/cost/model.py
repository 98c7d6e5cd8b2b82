"""What is used for one scored image, and what that costs at a price list. Pure.

Requests and telemetry were counted on Microsoft's own host (Functions host 4.1037, DurableTask 3.19.0, Storage 5.3.10)
with Azurite and a stand-in for the ingestion endpoint. Azure itself was never measured: sizes of instances, sampling,
and how soon it scales to zero are Azure's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from local_stack.cost.prices import PriceList

TURNS = 4
"""Episodes of the orchestrator of one scored image: its start, and the end of each activity."""

ACTIVITIES = 3
EXECUTIONS = 1 + TURNS + ACTIVITIES
"""The starter, the orchestrator's turns, the activities."""

SCHEDULER_ACTIONS = 1 + 2 * ACTIVITIES
"""Actions that the Durable Task Scheduler bills: the start, and each activity's dispatch and result."""

IDLE_REQUESTS_A_SECOND = 4
INSTANCE_GB = 2
"""``instanceMemoryMB`` of infra/main.bicep."""

IMAGES_A_SECOND = 4.8
"""The best that was recorded on two cores, Azurite included; the worst was 2.6."""

OWN_TELEMETRY_BYTES = 5_000
"""Five spans of our own exporter; tests/integration/telemetry counts them (4.4 KB)."""

OTHER_TELEMETRY_BYTES = 58_000
"""What is left of the 250 KB recorded without Azure.Core's 187 and our own spans: an upper bound, because
``Host.Triggers.DurableTask`` and the Python logger ``azure`` are in it and have been shut since."""

TELEMETRY_BYTES_BEFORE = 250_000
HOURS_OF_A_MONTH = 730
_GB = 1_000_000_000  # Azure Monitor bills decimal gigabytes


@dataclass(frozen=True)
class Use:
    """So many units of a meter for each scored image; ``item`` is the line of the bill that it goes to."""

    item: str
    what: str
    meter: str
    per_image: float


STORAGE, ORCHESTRATION, EVENTS, COMPUTE, DATABASE, TELEMETRY = (
    "images in storage", "orchestration in storage", "Event Grid", "compute", "database", "telemetry",
)  # fmt: skip

PER_IMAGE: tuple[Use, ...] = (
    Use(STORAGE, "Put Blob of the agent", "blob_write", 1),
    Use(STORAGE, "the host's and the trigger's look at the blob and the steps' one read", "blob_read", 3),
    Use(ORCHESTRATION, "control messages put, got, deleted: 3 a turn", "queue", 3 * TURNS),
    Use(ORCHESTRATION, "work items put, got, deleted: 3 an activity", "queue", 3 * ACTIVITIES),
    Use(ORCHESTRATION, "history read, history batch, instance patch: 3 a turn", "table", 3 * TURNS),
    Use(ORCHESTRATION, "instance reads of starter and client", "table", 3),
    Use(ORCHESTRATION, "the trigger's own message put, got, deleted", "queue", 3),
    Use(EVENTS, "event published, event delivered", "event", 2),
    Use(COMPUTE, "executions: starter, turns, activities", "execution", EXECUTIONS),
    Use(TELEMETRY, "our own spans", "telemetry_gb", OWN_TELEMETRY_BYTES / _GB),
    Use(TELEMETRY, "the host's requests and traces, at most", "telemetry_gb", OTHER_TELEMETRY_BYTES / _GB),
)

POLLING: tuple[tuple[str, int], ...] = (
    ("receipts of the polling trigger, `LogsAndContainerScan`", 15),
    ("more looks at the blob by that trigger and its binding", 6),
)
"""What the polling trigger adds to an image: with Azurite, where nothing is billed, never on Flex Consumption."""


@dataclass(frozen=True)
class Pace:
    """How a number of images comes: for how many hours one instance and the database are awake, and their cores."""

    name: str
    hours: float
    vcores: float


def in_bursts(images: int) -> Pace:
    """As fast as one instance goes, everything asleep in between."""
    return Pace("in bursts", images / IMAGES_A_SECOND / 3600, 1.0)


def evenly(images: int) -> Pace:
    """Spread over a month: an instance is always at work and the database never pauses."""
    return Pace("evenly over a month", HOURS_OF_A_MONTH, 0.5)


def uses(images: int, pace: Pace) -> tuple[Use, ...]:
    """Everything that is used, in units for each image."""
    seconds = pace.hours * 3600 / images
    return (
        *PER_IMAGE,
        # At most one a second: with single images far apart one for each, in bursts one for many (ADR 11).
        Use(STORAGE, "Append Block of the journal of started runs", "blob_write", 1 / (1 + 1 / seconds)),
        Use(ORCHESTRATION, "idle polling of queues", "queue", IDLE_REQUESTS_A_SECOND * seconds),
        Use(COMPUTE, "execution time of one instance", "gb_second", INSTANCE_GB * seconds),
        Use(DATABASE, "vCores while awake", "vcore_hour", pace.vcores * pace.hours / images),
    )


def bill(prices: PriceList, region: str, images: int, pace: Pace) -> dict[str, float]:
    """Dollars by item, largest first; free grants are not taken off."""
    told = by_item(prices, region, images, uses(images, pace))
    return dict(sorted(told.items(), key=lambda line: -line[1]))


def by_item(prices: PriceList, region: str, images: int, used: Iterable[Use]) -> dict[str, float]:
    """Dollars of the uses, by item, in their order."""
    told: dict[str, float] = {}
    for use in used:
        told[use.item] = told.get(use.item, 0.0) + prices.usd(use.meter, use.per_image * images, region)
    return told


def one_activity_less() -> tuple[Use, ...]:
    """What one activity costs: an activity's work item, the turn after it, two executions, their telemetry."""
    share = 2 / EXECUTIONS
    return (
        Use(ORCHESTRATION, "work item and control message", "queue", 3 + 3),
        Use(ORCHESTRATION, "a turn's history and instance", "table", 3),
        Use(COMPUTE, "executions", "execution", 2),
        Use(TELEMETRY, "a span", "telemetry_gb", OWN_TELEMETRY_BYTES / 5 / _GB),
        Use(TELEMETRY, "the host's part, at most", "telemetry_gb", share * OTHER_TELEMETRY_BYTES / _GB),
    )
