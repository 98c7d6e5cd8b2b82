"""From one listing to the files of the next micro-batches: which, in what order, and what is left. Pure.

One pass over the listing with memory for ``window`` entries only, so 100,000 waiting files cost time, not space.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from local_agent.folder.completeness import MARKER_SUFFIX, CompletenessRule, Contract, Verdict
from local_agent.folder.entries import Entry
from local_agent.folder.watchlist import Watchlist

_REFUSALS = (Verdict.REFUSE_SYMLINK, Verdict.REFUSE_SPECIAL, Verdict.REFUSE_SIZE)


class Order(Enum):
    """Which waiting file goes first."""

    OLDEST_FIRST = "oldest"
    NEWEST_FIRST = "newest"


@dataclass
class Listing:
    """What one look at the inbox found. ``refused`` can never be uploaded; ``ready`` is in upload order."""

    ready: list[Entry] = field(default_factory=list)
    refused: list[tuple[Entry, Verdict]] = field(default_factory=list)
    waiting: int = 0
    unfinished: int = 0
    settling: int = 0
    unreadable: int = 0
    oldest_mtime_ns: int | None = None


def select(
    entries: Iterable[Entry],
    rule: CompletenessRule,
    watchlist: Watchlist,
    *,
    now: float,
    window: int,
    order: Order = Order.OLDEST_FIRST,
    readable: Callable[[bytes], bool] = lambda path: True,
) -> Listing:
    """Judge every entry once; give back at most ``window`` files to upload. ``now`` is monotonic seconds."""
    listing = Listing()
    watchlist.begin_listing()
    if rule.contract is Contract.MARKER:
        entries = list(entries)
    marked = _marked_paths(entries) if rule.contract is Contract.MARKER else frozenset()
    ready: list[Entry] = []
    keep = heapq.nsmallest if order is Order.OLDEST_FIRST else heapq.nlargest
    for entry in entries:
        verdict = rule.verdict(entry, marked=entry.path in marked)
        if verdict is Verdict.WAIT_SETTLE:
            verdict = rule.verdict(entry, marked=entry.path in marked, settled=watchlist.settled(entry, now))
        if _count(listing, entry, verdict) and watchlist.may_try(entry, now):
            if readable(entry.path):
                ready.append(entry)
                if len(ready) >= 4 * window:
                    ready = keep(window, ready, key=_age)
            else:
                listing.unreadable += 1
    watchlist.end_listing()
    listing.ready = keep(window, ready, key=_age)
    return listing


def _age(entry: Entry) -> tuple[int, bytes]:
    return entry.identity.mtime_ns, entry.path


def _marked_paths(entries: Iterable[Entry]) -> frozenset[bytes]:
    return frozenset(
        entry.path.removesuffix(MARKER_SUFFIX) for entry in entries if entry.path.endswith(MARKER_SUFFIX)
    )


def _count(listing: Listing, entry: Entry, verdict: Verdict) -> bool:
    """Add the entry to the listing's figures; true if it is to be uploaded."""
    if verdict is Verdict.IGNORE:
        return False
    if verdict is Verdict.WAIT_WRITER:
        listing.unfinished += 1
        return False
    if verdict in _REFUSALS:
        listing.refused.append((entry, verdict))
        return False
    listing.waiting += 1
    mtime_ns = entry.identity.mtime_ns
    if listing.oldest_mtime_ns is None or mtime_ns < listing.oldest_mtime_ns:
        listing.oldest_mtime_ns = mtime_ns
    if verdict is Verdict.WAIT_SETTLE:
        listing.settling += 1
        return False
    return True
