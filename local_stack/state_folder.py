"""Where everything local lives: one git-ignored folder, ``.local/``, and the names inside it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# Installed tools belong to the checkout; what images leave behind can be put elsewhere (tests, a larger disk).
STATE_VARIABLE = "PIPELINE_STATE"
TOOLS = PROJECT_ROOT / ".local" / "runtime"


def _default_root() -> Path:
    return Path(os.environ.get(STATE_VARIABLE) or PROJECT_ROOT / ".local").absolute()


@dataclass(frozen=True)
class StateFolder:
    """The paths below one state folder; creating nothing by itself."""

    root: Path = field(default_factory=_default_root)

    @property
    def device(self) -> Path:
        """The device's folders: inbox/, done/, rejected/ and the simulator's manifests in truth/."""
        return self.root / "device"

    @property
    def inbox(self) -> Path:
        return self.device / "inbox"

    @property
    def done(self) -> Path:
        return self.device / "done"

    @property
    def rejected(self) -> Path:
        return self.device / "rejected"

    @property
    def manifests(self) -> Path:
        """One JSONL file per simulator run: what was made, and the sum each image must score."""
        return self.device / "truth"

    @property
    def checkpoint(self) -> Path:
        return self.root / "checkpoint"

    @property
    def agent_status(self) -> Path:
        return self.root / "agent-status.json"

    @property
    def azurite(self) -> Path:
        return self.root / "azurite"

    @property
    def host(self) -> Path:
        return self.root / "host"

    @property
    def database(self) -> Path:
        return self.root / "results.db"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def running(self) -> Path:
        """Written while a stack is up: its process ids and addresses."""
        return self.root / "running.json"

    @property
    def lock(self) -> Path:
        return self.root / "stack.lock"

    def create(self) -> None:
        """Make every folder that the parts expect to find."""
        for folder in (self.inbox, self.done, self.rejected, self.manifests, self.checkpoint, self.azurite,
                       self.host, self.logs):  # fmt: skip
            folder.mkdir(parents=True, exist_ok=True)
