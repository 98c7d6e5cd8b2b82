"""Where everything of one device lies, below one root folder.

``inbox/`` belongs to the device; the agent only takes complete files out of it. ``done/`` and ``rejected/``
belong to the agent, and ``.agent/`` holds its lock, its status and nothing that cannot be lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class DeviceFolders:
    """The folders of one device; all on one file system, because a move between them must be a rename.

    ``markers`` says that the device writes ``x.png.done`` beside ``x.png``, and that they go together.
    """

    root: Path
    markers: bool = False

    @cached_property
    def inbox(self) -> Path:
        """Where the device puts its images."""
        return self.root / "inbox"

    @cached_property
    def done(self) -> Path:
        """Where files go after the service has acknowledged them."""
        return self.root / "done"

    @cached_property
    def done_empty(self) -> Path:
        """Where acknowledged zero-byte files go: watched, because a slow writer may still fill one."""
        return self.done / ".empty"

    @cached_property
    def rejected(self) -> Path:
        """Where files go that can never be uploaded, each with a reason file beside it."""
        return self.root / "rejected"

    @cached_property
    def state(self) -> Path:
        """Lock, stop request, reports: everything in it may be deleted while no agent runs."""
        return self.root / ".agent"

    @cached_property
    def stop_request(self) -> Path:
        """Exists while the agent is asked to finish what is under way and take nothing new."""
        return self.state / "stop"

    @cached_property
    def reports(self) -> Path:
        """What the reader and the sink tell the main process, one small file each."""
        return self.state / "reports"

    @cached_property
    def pause_request(self) -> Path:
        """Exists while the disk is nearly full: a device that honours it writes nothing."""
        return self.root / "PAUSE"

    def create(self) -> None:
        """Make what is missing; raises OSError as it comes, the caller names the folder."""
        for folder in (self.inbox, self.done, self.done_empty, self.rejected, self.reports):
            folder.mkdir(parents=True, exist_ok=True)
