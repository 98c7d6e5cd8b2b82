"""What the main process does beside watching the query: the container, disk watermarks, retention of done files."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import threading
import time
from collections.abc import Callable

from local_agent.agent.settings import UploadSettings
from local_agent.errors import PermanentError, TransientError, delay_seconds
from local_agent.folder.room import Room, delete_expired, make_room, room
from local_agent.reports import log_line

_DISK_SECONDS = 5.0
_RETENTION_SECONDS = 3600.0


def used_percent(settings: UploadSettings) -> float:
    """How full the disk of the device's folder is."""
    usage = shutil.disk_usage(settings.job.root)
    return 100.0 * (1.0 - usage.free / usage.total)


class Housekeeper:
    """Called often; acts when it is time. ``room`` is how full the disk was at the last look."""

    def __init__(
        self,
        settings: UploadSettings,
        *,
        clock: Callable[[], float] = time.monotonic,
        used: Callable[[UploadSettings], float] = used_percent,
    ) -> None:
        self._settings, self._clock, self._used = settings, clock, used
        self._folders = settings.job.folders
        self._next_disk = self._next_retention = 0.0
        self.room = Room.ENOUGH

    def tick(self) -> None:
        """Look at the disk and at the age of done files when their time has come; a failure is logged."""
        now = self._clock()
        try:
            if now >= self._next_disk:
                self._next_disk = now + _DISK_SECONDS
                self._watch_disk()
            if self._settings.retain_days is not None and now >= self._next_retention:
                self._next_retention = now + _RETENTION_SECONDS
                deleted = delete_expired(self._folders, self._settings.retain_days)
                if deleted:
                    log_line("retention", deleted=deleted)
        except OSError as error:
            log_line("housekeeping_failed", error=str(error.strerror))

    def _watch_disk(self) -> None:
        used = self._used(self._settings)
        before, self.room = self.room, self._judge(used, self.room)
        if self.room is Room.NONE:
            if self._settings.when_full == "drop-oldest":
                done, waiting = make_room(
                    self._folders,
                    lambda: self._judge(self._used(self._settings), Room.NONE) is Room.NONE,
                )
                log_line("disk_full", used_percent=round(used, 1), deleted_done=done, dropped_waiting=waiting)
            else:
                self._folders.pause_request.touch()
        else:
            with contextlib.suppress(FileNotFoundError):
                self._folders.pause_request.unlink()
        if self.room is not before:
            log_line(
                "disk", room=self.room.value, used_percent=round(used, 1), when_full=self._settings.when_full
            )

    def _judge(self, used: float, before: Room) -> Room:
        return room(used, self._settings.disk_warn_percent, self._settings.disk_full_percent, before)


def ensure_container_in_background(container: str) -> threading.Thread:
    """Make the container while Spark starts; the thread ends when it exists or its making is refused.

    It goes on trying while the service is away.
    """
    thread = threading.Thread(target=_make_container, args=(container,), name="container", daemon=True)
    thread.start()
    return thread


def _make_container(container: str) -> None:
    from local_agent.storage.container import create_container  # the SDK takes half a second to import

    failures = 0
    while True:
        try:
            if create_container(os.environ, container):
                log_line("container_created", container=container)
            return
        except PermanentError as error:
            # It may well exist and the credential only write: the upload will tell.
            log_line("container_not_created", container=container, error=str(error))
            return
        except TransientError:  # the upload reports the same, with its own words
            failures += 1
            time.sleep(delay_seconds(failures, random.random(), first=1.0))  # noqa: S311 (spreads retries)
