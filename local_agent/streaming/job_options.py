"""What the source and the sink must know, carried as Spark data source options: text only, and no secrets.

Spark shows options in plans, logs and its user interface; credentials stay in the environment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from local_agent.blob_contract import MAX_IMAGE_BYTES
from local_agent.folder.completeness import CompletenessRule, Contract
from local_agent.folder.layout import DeviceFolders
from local_agent.folder.selection import Order

OPTION = "job"


@dataclass(frozen=True)
class JobOptions:
    """One upload job. ``bytes_per_second`` 0 means no limit; ``parallelism`` is the tasks per micro-batch."""

    root: str
    device_id: str
    container: str = "img"
    contract: str = Contract.RENAME.value
    settle_seconds: float = 5.0
    max_bytes: int = MAX_IMAGE_BYTES
    order: str = Order.OLDEST_FIRST.value
    files_per_batch: int = 5000
    parallelism: int = 2
    connections: int = 16
    bytes_per_second: int = 0
    keep_done: bool = True

    @cached_property
    def folders(self) -> DeviceFolders:
        """The device's folders."""
        return DeviceFolders(Path(self.root), markers=Contract(self.contract) is Contract.MARKER)

    @cached_property
    def rule(self) -> CompletenessRule:
        """When a file counts as complete."""
        return CompletenessRule(Contract(self.contract), self.settle_seconds, self.max_bytes)

    def as_option(self) -> str:
        """For ``DataStreamReader.option(OPTION, ...)``."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_options(options: Mapping[str, str]) -> JobOptions:
        """The job from the options Spark hands to a data source; unknown fields are ignored."""
        fields = json.loads(options[OPTION])
        return JobOptions(
            **{key: value for key, value in fields.items() if key in JobOptions.__annotations__}
        )
