"""When a file counts as complete: the device's side of the contract, three kinds of it. Pure.

``rename``: a file under its final name is complete (the device writes elsewhere and renames).
``stable``: a file is complete when nothing about it has changed for a while.
``marker``: ``x.png`` is complete when ``x.png.done`` lies beside it.

Every entry gets exactly one verdict; docs/local-agent.md lists them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from local_agent.blob_contract import MAX_IMAGE_BYTES
from local_agent.folder.entries import Entry, Kind

MARKER_SUFFIX = b".done"
UNFINISHED_SUFFIXES = (b".part", b".partial", b".tmp", b".crdownload", b".filepart", b"~")


class Contract(Enum):
    """How the device says that a file is complete."""

    RENAME = "rename"
    STABLE = "stable"
    MARKER = "marker"


class Verdict(Enum):
    """What is to become of one entry at this listing."""

    TAKE = "take"
    WAIT_SETTLE = "wait_settle"  # take it once it has not changed for the settling time
    WAIT_WRITER = "wait_writer"  # its name (or missing marker) says that the device is not finished
    IGNORE = "ignore"  # not an image: a marker file
    REFUSE_SYMLINK = "symlink"
    REFUSE_SPECIAL = "special_file"
    REFUSE_SIZE = "too_large"


@dataclass(frozen=True)
class CompletenessRule:
    """One contract with its times and limits.

    ``settle_seconds`` is how long an entry must stay unchanged: under ``stable`` every file, under the other
    two only a zero-byte file, which may be one that its writer has created and not yet filled.
    """

    contract: Contract = Contract.RENAME
    settle_seconds: float = 5.0
    max_bytes: int = MAX_IMAGE_BYTES

    def verdict(self, entry: Entry, *, marked: bool = False, settled: bool = False) -> Verdict:
        """What to do with ``entry``; ``marked`` says its marker exists, ``settled`` that it kept still."""
        if self.contract is Contract.MARKER:
            if entry.name.endswith(MARKER_SUFFIX):
                return Verdict.IGNORE
            if not marked:
                return Verdict.WAIT_WRITER
        elif looks_unfinished(entry.name, hidden_is_unfinished=self.contract is Contract.RENAME):
            return Verdict.WAIT_WRITER
        if entry.kind is Kind.SYMLINK:
            return Verdict.REFUSE_SYMLINK
        if entry.kind is Kind.SPECIAL:
            return Verdict.REFUSE_SPECIAL
        must_settle = self.contract is Contract.STABLE or entry.identity.size == 0
        if must_settle and not settled:
            return Verdict.WAIT_SETTLE
        return Verdict.REFUSE_SIZE if entry.identity.size > self.max_bytes else Verdict.TAKE


def looks_unfinished(name: bytes, *, hidden_is_unfinished: bool) -> bool:
    """Whether a name is one that programs give to files they are still writing.

    rsync, curl, browsers and this project's simulator all use a leading dot or one of these endings.
    """
    return name.endswith(UNFINISHED_SUFFIXES) or (hidden_is_unfinished and name.startswith(b"."))
